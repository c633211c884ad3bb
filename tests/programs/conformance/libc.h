/* What libc allocates by our malloc and the program frees, or the other way round. */
#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

#include "tools.h"

/* Frees what libc gave, which must be a block like any other. */
static void release(void *block, size_t least)
{
    CHECK(block && malloc_usable_size(block) >= least);
    block = realloc(block, least + 3000);
    CHECK(block);
    free(block);
}

static void libc_strdup(void)
{
    static char text[70001];
    memset(text, 'x', sizeof text - 1);
    for (size_t length = 0; length < sizeof text; length += length / 7 + 1) {
        char *copy = strdup(text + sizeof text - 1 - length), *part = strndup(text, length);
        CHECK(strlen(copy) == length && strlen(part) == length);
        release(copy, length + 1);
        release(part, length + 1);
    }
    wchar_t *wide = wcsdup(L"wide");
    CHECK(wcscmp(wide, L"wide") == 0);
    release(wide, 5 * sizeof *wide);
}

static void libc_getline(void)
{
    FILE *file = tmpfile();
    CHECK(file);
    for (int i = 0; i < 300; i++)
        fprintf(file, "%0*d\n", i * i % 9000 + 4, i);
    rewind(file);
    char *line = NULL, *field = NULL;
    size_t room = 0, field_room = 0;
    for (int i = 0; i < 300; i++)
        CHECK(getline(&line, &room, file) == i * i % 9000 + 5 && room <= malloc_usable_size(line));
    release(line, room);
    rewind(file);
    /* A buffer of the caller's, which libc enlarges. */
    field = malloc(field_room = 3);
    CHECK(getdelim(&field, &field_room, '2', file) > 3);
    release(field, field_room);
    fclose(file);
}

static void libc_asprintf(void)
{
    for (int width = 1; width < 100000; width += width / 3 + 1) {
        char *text = NULL;
        CHECK(asprintf(&text, "%*d", width, 7) == width && text[width - 1] == '7');
        release(text, (size_t)width + 1);
    }
}

static void libc_memstream(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream);
    for (int i = 0; i < 100000; i++)
        fprintf(stream, "%d,", i);
    CHECK(fclose(stream) == 0 && length == 588890 && strncmp(text, "0,1,2,", 6) == 0);
    release(text, length + 1);

    wchar_t *wide = NULL;
    stream = open_wmemstream(&wide, &length);
    CHECK(stream && fputws(L"some text", stream) >= 0 && fclose(stream) == 0 && length == 9);
    release(wide, 10 * sizeof *wide);
}

static void libc_scanf(void)
{
    char *word = NULL, *rest = NULL;
    CHECK(sscanf("hello there", "%ms %m[a-z]", &word, &rest) == 2 && strcmp(word, "hello") == 0 && strcmp(rest, "there") == 0);
    release(word, 6);
    release(rest, 6);
}

/* Folders that every system has, also a bare root without /proc. */
static void libc_paths(void)
{
    char *path = realpath("/usr/bin/../bin/../lib", NULL);
    CHECK(path && strcmp(path, "/usr/lib") == 0);
    release(path, 9);
    CHECK(chdir("/usr/bin") == 0);
    path = getcwd(NULL, 0);
    CHECK(path && strcmp(path, "/usr/bin") == 0);
    release(path, 9);
    path = getcwd(NULL, 2000);
    CHECK(path && strcmp(path, "/usr/bin") == 0);
    release(path, 2000);
    path = get_current_dir_name();
    CHECK(path && strcmp(path, "/usr/bin") == 0);
    release(path, 9);
}

static void libc_scandir(void)
{
    struct dirent **entries = NULL;
    int count = scandir("/usr/bin", &entries, NULL, alphasort);
    CHECK(count > 10);
    for (int i = 0; i < count; i++)
        release(entries[i], offsetof(struct dirent, d_name) + strlen(entries[i]->d_name) + 1);
    release(entries, (size_t)count * sizeof *entries);
    DIR *folder = opendir("/usr/bin");
    CHECK(folder && readdir(folder) && closedir(folder) == 0);
}

static void libc_glob(void)
{
    glob_t found;
    CHECK(glob("/usr/bin/[a-z]*", 0, NULL, &found) == 0 && found.gl_pathc > 10);
    globfree(&found);
    regex_t expression;
    CHECK(regcomp(&expression, "^(a|b)*c{2,200}[[:alpha:]]$", REG_EXTENDED) == 0);
    CHECK(regexec(&expression, "ababcccx", 0, NULL, 0) == 0);
    regfree(&expression);
}

static void libc_streams(void)
{
    for (int i = 0; i < 300; i++) {
        FILE *file = fopen("/etc/passwd", "r");
        CHECK(file);
        char line[8192];
        CHECK(fgets(line, sizeof line, file));
        fclose(file);
    }
    FILE *pipe = popen("echo from a child", "r");
    char line[100];
    CHECK(pipe && fgets(line, sizeof line, pipe) && strcmp(line, "from a child\n") == 0 && pclose(pipe) == 0);
}

static void libc_environment(void)
{
    for (int i = 0; i < 500; i++) {
        char name[20], value[20];
        snprintf(name, sizeof name, "VARIABLE%d", i);
        snprintf(value, sizeof value, "%d", i);
        CHECK(setenv(name, value, 1) == 0);
    }
    CHECK(strcmp(getenv("VARIABLE321"), "321") == 0);
    for (int i = 0; i < 500; i++) {
        char name[20];
        snprintf(name, sizeof name, "VARIABLE%d", i);
        CHECK(unsetenv(name) == 0);
    }
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
    CHECK(locale);
    freelocale(locale);
}

static int compare(const void *a, const void *b)
{
    return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static void libc_tables(void)
{
    enum { MANY = 20000 };
    static int numbers[MANY];
    void *tree = NULL;
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i * 7919 % MANY;
        int *key = malloc(sizeof *key);
        CHECK(key);
        *key = numbers[i];
        CHECK(tsearch(key, &tree, compare));
    }
    tdestroy(tree, free);
    /* Sorts in memory of its own. */
    qsort(numbers, MANY, sizeof *numbers, compare);
    for (int i = 0; i < MANY; i++)
        CHECK(numbers[i] == i);
    CHECK(hcreate(1000));
    hdestroy();
}

static pthread_key_t key;

static void *thread_with_data(void *unused)
{
    CHECK(pthread_setspecific(key, malloc(100)) == 0);
    return unused;
}

/* libc allocates for each thread, and the last free of a thread comes from its key's destructor. */
static void libc_threads(void)
{
    CHECK(pthread_key_create(&key, free) == 0);
    for (int i = 0; i < 50; i++) {
        pthread_t threads[8];
        for (int k = 0; k < 8; k++)
            CHECK(pthread_create(&threads[k], NULL, thread_with_data, NULL) == 0);
        for (int k = 0; k < 8; k++)
            CHECK(pthread_join(threads[k], NULL) == 0);
    }
}
