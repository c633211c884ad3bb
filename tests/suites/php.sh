# PHP's own tests of its language and of extensions, by its command line as it is installed.
packages=(php8.2-cli php8.2-intl php8.2-mbstring php8.2-sqlite3 php8.2-xml)
source=php8.2

prepare() { :; }

run() {
    NO_INTERACTION=1 TEST_PHP_EXECUTABLE=/usr/bin/php8.2 php8.2 run-tests.php -q -j2 --no-color -W "$PWD/results" Zend ext/{dom,intl,mbstring,simplexml,sqlite3} >&2
    sed -nE "s|^([A-Z&]+)\t$PWD/(.*)|\2: \1|p" results
}
