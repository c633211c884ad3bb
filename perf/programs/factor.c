/*
 * Factors products of two primes by Pollard's rho with numbers that are allocated digit string by digit string, after the manner of
 * cfrac: each operation allocates its result and frees its operands, so that nearly all blocks are small and live for microseconds.
 *
 *     factor [DIGITS]      a number of about that many decimal digits (default 22)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Little-endian digits to the base 2^32; zero has none. */
struct number {
    uint32_t length;
    uint32_t digits[];
};

static struct number *allocate(uint32_t length)
{
    struct number *number = malloc(sizeof *number + length * sizeof number->digits[0]);
    if (!number)
        abort();
    number->length = length;
    memset(number->digits, 0, length * sizeof number->digits[0]);
    return number;
}

static struct number *trimmed(struct number *number)
{
    while (number->length > 0 && number->digits[number->length - 1] == 0)
        number->length--;
    return number;
}

static struct number *from(uint64_t value)
{
    struct number *number = allocate(2);
    number->digits[0] = (uint32_t)value;
    number->digits[1] = (uint32_t)(value >> 32);
    return trimmed(number);
}

static int compare(const struct number *a, const struct number *b)
{
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    for (uint32_t i = a->length; i-- > 0;)
        if (a->digits[i] != b->digits[i])
            return a->digits[i] < b->digits[i] ? -1 : 1;
    return 0;
}

static struct number *copy(const struct number *a)
{
    struct number *result = allocate(a->length);
    memcpy(result->digits, a->digits, a->length * sizeof a->digits[0]);
    return result;
}

/* a - b, for a >= b. */
static struct number *difference(const struct number *a, const struct number *b)
{
    struct number *result = copy(a);
    int64_t borrow = 0;
    for (uint32_t i = 0; i < a->length; i++) {
        int64_t digit = (int64_t)a->digits[i] - (i < b->length ? b->digits[i] : 0) + borrow;
        result->digits[i] = (uint32_t)digit;
        borrow = digit >> 32;
    }
    return trimmed(result);
}

static struct number *sum(const struct number *a, const struct number *b)
{
    uint32_t length = (a->length > b->length ? a->length : b->length) + 1;
    struct number *result = allocate(length);
    uint64_t carry = 0;
    for (uint32_t i = 0; i < length; i++) {
        carry += (uint64_t)(i < a->length ? a->digits[i] : 0) + (i < b->length ? b->digits[i] : 0);
        result->digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return trimmed(result);
}

static struct number *product(const struct number *a, const struct number *b)
{
    struct number *result = allocate(a->length + b->length);
    for (uint32_t i = 0; i < a->length; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < b->length; j++) {
            carry += (uint64_t)a->digits[i] * b->digits[j] + result->digits[i + j];
            result->digits[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        result->digits[i + b->length] = (uint32_t)carry;
    }
    return trimmed(result);
}

static struct number *doubled(struct number *a)
{
    struct number *result = sum(a, a);
    free(a);
    return result;
}

/* Remainder of a by b, by subtracting b shifted; frees a. */
static struct number *remainder_of(struct number *a, const struct number *b)
{
    while (compare(a, b) >= 0) {
        /* Shift b by whole digits and then by bits, to just below a. */
        uint32_t shift = a->length - b->length;
        struct number *multiple = allocate(b->length + shift);
        memcpy(multiple->digits + shift, b->digits, b->length * sizeof b->digits[0]);
        if (compare(multiple, a) > 0) {
            memmove(multiple->digits, multiple->digits + 1, (multiple->length - 1) * sizeof multiple->digits[0]);
            multiple->length--;
        }
        for (;;) {
            struct number *twice = doubled(copy(multiple));
            int fits = compare(twice, a) <= 0;
            if (!fits) {
                free(twice);
                break;
            }
            free(multiple);
            multiple = twice;
        }
        struct number *rest = difference(a, multiple);
        free(multiple);
        free(a);
        a = rest;
    }
    return a;
}

static struct number *greatest_common_divisor(struct number *a, struct number *b)
{
    while (b->length > 0) {
        struct number *rest = remainder_of(a, b);
        a = b;
        b = rest;
    }
    free(b);
    return a;
}

/* x^2 + c modulo n; frees x. */
static struct number *step(struct number *x, const struct number *c, const struct number *n)
{
    struct number *square = product(x, x), *next = sum(square, c);
    free(square);
    free(x);
    return remainder_of(next, n);
}

static void print(const struct number *number)
{
    for (uint32_t i = number->length; i-- > 0;)
        printf(i + 1 == number->length ? "%x" : "%08x", number->digits[i]);
}

static int is_prime(uint64_t value)
{
    for (uint64_t divisor = 2; divisor * divisor <= value; divisor++)
        if (value % divisor == 0)
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    int digits = argc > 1 ? atoi(argv[1]) : 22;
    uint64_t first = 1, second = 1;
    for (int i = 0; i < digits / 3; i++)
        first *= 10;
    for (int i = 0; i < digits - digits / 3; i++)
        second *= 10;
    while (!is_prime(++first))
        ;
    while (!is_prime(++second))
        ;
    struct number *p = from(first), *q = from(second), *n = product(p, q), *c = from(1);
    struct number *slow = from(2), *fast = from(2), *divisor = from(1), *one = from(1);
    long steps = 0;
    while (compare(divisor, one) == 0) {
        slow = step(slow, c, n);
        fast = step(step(fast, c, n), c, n);
        struct number *distance = compare(slow, fast) > 0 ? difference(slow, fast) : difference(fast, slow);
        free(divisor);
        divisor = greatest_common_divisor(distance, copy(n));
        steps++;
    }
    print(n);
    printf(" = ");
    print(divisor);
    printf(" * ... after %ld steps\n", steps);
    free(p), free(q), free(n), free(c), free(slow), free(fast), free(divisor), free(one);
    return 0;
}
