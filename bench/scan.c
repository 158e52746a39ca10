/*
 * The plain C loop that bench/scan.py is compared with: for each row parse, tweak_mul, serialize, tagged hash,
 * pubkey_create, then per spend key (without a label, and change) combine, serialize and compare 8 bytes.
 * The functions are those of the library that the Python package uses, handed over as pointers, so that nothing but the
 * language differs. Types are opaque; their sizes are libsecp256k1's.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { unsigned char data[64]; } point;

typedef struct {
    const void *context;
    int (*parse)(const void *, point *, const unsigned char *, size_t);
    int (*serialize)(const void *, unsigned char *, size_t *, const point *, unsigned int);
    int (*multiply)(const void *, point *, const unsigned char *);
    int (*create)(const void *, point *, const unsigned char *);
    int (*combine)(const void *, point *, const point *const *, size_t);
    int (*tagged_hash)(const void *, unsigned char *, const unsigned char *, size_t, const unsigned char *, size_t);
} library;

static const unsigned char TAG[] = "BIP0352/SharedSecret";

static int pays(const library *lib, const point *tweak_point, const point *spend, const unsigned char *prefixes, size_t count)
{
    const point *pair[2] = {tweak_point, spend};
    unsigned char key[33];
    size_t size = 33, output;
    point sum;
    if (!lib->combine(lib->context, &sum, pair, 2)) return 0;
    lib->serialize(lib->context, key, &size, &sum, 258);
    for (output = 0; output < count; output++)
        if (!memcmp(prefixes + 8 * output, key + 1, 8)) return 1;
    return 0;
}

/* Returns how many rows hit, their numbers in `hits`; -1 for a row that is no point. */
long scan(const library *lib, const unsigned char *secret, const unsigned char *spend_keys, size_t spend_count, size_t rows,
          const unsigned char *tweaks, const uint32_t *counts, const unsigned char *prefixes, uint32_t *hits)
{
    point spend[128];
    size_t row, index, found = 0;
    for (index = 0; index < spend_count; index++)
        if (!lib->parse(lib->context, &spend[index], spend_keys + 33 * index, 33)) return -1;
    for (row = 0; row < rows; prefixes += 8 * (size_t)counts[row], row++) {
        unsigned char uncompressed[65] = {4}, message[37] = {0}, tweak[32];
        size_t size = 33;
        point shared, tweak_point;
        memcpy(uncompressed + 1, tweaks + 64 * row, 64);
        if (!lib->parse(lib->context, &shared, uncompressed, 65)) return -1;
        lib->multiply(lib->context, &shared, secret);
        lib->serialize(lib->context, message, &size, &shared, 258);
        lib->tagged_hash(lib->context, tweak, TAG, sizeof TAG - 1, message, sizeof message);
        if (!lib->create(lib->context, &tweak_point, tweak)) continue;
        for (index = 0; index < spend_count; index++)
            if (pays(lib, &tweak_point, &spend[index], prefixes, counts[row])) {
                hits[found++] = (uint32_t)row;
                break;
            }
    }
    return (long)found;
}
