// Optional help for plug-ins in C: values out of a JSON document without a library or memory of its own.
// Inputs come from the host and are well-formed; on anything else these return empty text, and never read beyond it.
#ifndef DROVER_JSON_H
#define DROVER_JSON_H

#include "types.h"

DROVER_BEGIN

// Length of the value (or of blanks and separators: see `value`) that begins at `at`; internal to this header.
static inline uint64_t drover_json_skip(drover_text json, uint64_t at) {
    uint64_t depth = 0;
    int in_string = 0;
    for (; at < json.length; at++) {
        const uint8_t c = json.data[at];
        if (in_string) {
            if (c == '\\') { at++; } else if (c == '"') { in_string = 0; if (depth == 0) { return at + 1; } }
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) { return at; }
            if (--depth == 0) { return at + 1; }
        } else if (depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            return at;
        }
    }
    return json.length;
}

static inline uint64_t drover_json_blank(drover_text json, uint64_t at) {
    while (at < json.length && (json.data[at] == ' ' || json.data[at] == '\t' || json.data[at] == '\n' ||
                                json.data[at] == '\r' || json.data[at] == ',' || json.data[at] == ':')) {
        at++;
    }
    return at;
}

// The raw value of member `key` of an object, quotes and escapes and all, borrowed from `json`; empty when absent.
// Put it into another document as it is: that keeps its escapes right.
static inline drover_text drover_json_get(drover_text json, const char *key) {
    drover_text value = {0, 0};
    const uint64_t key_length = (uint64_t)strlen(key);
    uint64_t at = drover_json_blank(json, 0);
    if (at >= json.length || json.data[at] != '{') { return value; }
    at = drover_json_blank(json, at + 1);
    while (at < json.length && json.data[at] == '"') {
        const uint64_t name = at, name_end = drover_json_skip(json, at);
        const uint64_t start = drover_json_blank(json, name_end), end = drover_json_skip(json, start);
        if (name_end - name == key_length + 2 && memcmp(json.data + name + 1, key, key_length) == 0) {
            value.data = json.data + start;
            value.length = end - start;
            return value;
        }
        at = drover_json_blank(json, end);
    }
    return value;
}

// The text inside a raw string value, without quotes; escapes are left as they are. Empty when it is not a string.
static inline drover_text drover_json_inside(drover_text raw) {
    drover_text text = {0, 0};
    if (raw.length >= 2 && raw.data[0] == '"') {
        text.data = raw.data + 1;
        text.length = raw.length - 2;
    }
    return text;
}

// A raw number value as an integer, its fraction cut off; `otherwise` when it is absent or no number.
static inline int64_t drover_json_integer(drover_text raw, int64_t otherwise) {
    uint64_t at = raw.length > 0 && raw.data[0] == '-' ? 1 : 0;
    const uint64_t first = at;
    int64_t value = 0;
    for (; at < raw.length && raw.data[at] >= '0' && raw.data[at] <= '9' && value < INT64_C(900000000000000000); at++) {
        value = value * 10 + (raw.data[at] - '0');
    }
    if (at == first) { return otherwise; }
    return first == 1 ? -value : value;
}

DROVER_END

#endif
