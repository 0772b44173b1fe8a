/* token.c - `streamgauge token`: a new access token, and the hash that goes into auth.tokens. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/net.h>
#include <streamgauge/rand.h>

#include "commands.h"

#define TOKEN_BYTES 24

static void random_token(char *dst)
{
    unsigned char bytes[TOKEN_BYTES];
    sg_rand_bytes(bytes, sizeof(bytes));
    sg_hex_format(bytes, sizeof(bytes), dst);
}

int sg_command_token(int argc, char **argv)
{
    char token[512], hash[80];
    bool from_stdin = argc == 3 && strcmp(argv[1], "--hash-of") == 0 && strcmp(argv[2], "-") == 0;
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (help || (argc != 1 && !from_stdin)) {
        fputs("usage: streamgauge token [--hash-of -]\n\n"
              "Prints a new random token and its hash; with --hash-of - the hash of a token read "
              "from standard input,\n"
              "which keeps it out of the shell's history.\n",
              help ? stdout : stderr);
        return help ? 0 : 2;
    }
    if (from_stdin) {
        bool read = fgets(token, sizeof(token), stdin) != NULL;
        size_t n = read ? strcspn(token, "\r\n") : 0;
        if (n == 0 || n == sizeof(token) - 1) {
            fputs("streamgauge: expected a token of at most 510 bytes on standard input\n", stderr);
            return 1;
        }
        token[n] = '\0';
    } else {
        random_token(token);
        printf("token: %s\n", token);
    }
    sg_net_token_hash(sg_str_from(token), hash);
    printf("hash:  %s\n", hash);
    return 0;
}
