# CPython's own tests of what lives close to an allocator: threads, processes, foreign functions, the collector.
packages=(python3.11 libpython3.11-testsuite)
source=

modules=(test_threading test_thread test_subprocess test_multiprocessing_fork test_multiprocessing_forkserver
    test_multiprocessing_spawn test_ctypes test_gc test_sqlite3 test_ssl test_mmap test_io test_json test_pickle)

prepare() { :; }

run() {
    /usr/bin/python3.11 -m test --timeout 600 --junit-xml "$PWD/results.xml" "${modules[@]}" >&2
    /usr/bin/python3.11 - "$PWD/results.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter("testcase"):
    outcome = case.find("failure") is not None and "failed" or case.find("error") is not None and "error" or case.get("result")
    skipped = case.find("skipped")
    print(case.get("classname", "") + case.get("name") + ":", "skipped" if skipped is not None else outcome)
PY
}
