# php with extensions, which it loads with RTLD_DEEPBIND: C and C++ of its own libraries; with its own allocator and with malloc for all.
# By its foreign functions it finds libc's on libc's handle.
cat > work.php << 'PHP'
<?php
mt_srand(3);
$words = [];
for ($i = 0; $i < 40000; $i++) {
    $word = mb_convert_case(str_repeat(mb_chr(0xe0 + mt_rand(0, 30)), mt_rand(1, 9)) . base_convert((string)mt_rand(), 10, 36), MB_CASE_TITLE);
    $words[$word] = ($words[$word] ?? 0) + 1;
}
$keys = array_slice(array_keys($words), 0, 2000);
(new Collator('de_DE'))->sort($keys);
echo count($words), ' ', hash('sha256', implode(' ', $keys)), ' ', (new NumberFormatter('de_DE', NumberFormatter::SPELLOUT))->format(1234567), "\n";

$document = new DOMDocument();
$document->appendChild($root = $document->createElement('root'));
foreach ($keys as $i => $key) {
    $root->appendChild($item = $document->createElement('item', $key))->setAttribute('n', (string)$i);
}
$found = simplexml_load_string($document->saveXML())->xpath('//item[@n mod 7 = 3]');
echo count($found), ' ', md5(implode('|', array_map('strval', $found))), "\n";

$database = new SQLite3(':memory:');
$database->exec('create table items(name text, n integer)');
$statement = $database->prepare('insert into items values(?, ?)');
foreach ($keys as $i => $key) {
    $statement->bindValue(1, $key);
    $statement->bindValue(2, $i * 7919 % 1009);
    $statement->execute();
    $statement->reset();
}
$database->createFunction('reversed', 'strrev');
echo json_encode($database->querySingle('select count(*), sum(n), max(hex(reversed(name))) from items', true)), "\n";

$libc = FFI::cdef('char *strdup(const char *text); char *realpath(const char *path, char *room); void free(void *block);', 'libc.so.6');
for ($i = 0; $i < 1000; $i++) {
    $text = $libc->strdup($keys[$i]);
    $path = $libc->realpath('/', null);
    if (FFI::string($text) !== $keys[$i] || FFI::string($path) !== '/')
        echo "wrong\n";
    $libc->free($text);
    $libc->free($path);
}
foreach (['intl', 'mbstring', 'sqlite3', 'dom', 'simplexml', 'FFI'] as $extension)
    echo $extension, extension_loaded($extension) ? ' ' : ' is missing ';
echo "\n";
PHP
LD_PRELOAD=$PRELOAD php -d ffi.enable=1 work.php
LD_PRELOAD=$PRELOAD USE_ZEND_ALLOC=0 php -d ffi.enable=1 work.php
