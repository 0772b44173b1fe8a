/* journal.c - changes that must survive, in the order they were made. */
#include <streamgauge/journal.h>

#include <streamgauge/mem.h>

const char *sg_table_name(enum sg_table table)
{
    static const char *const names[] = {
#define SG_TABLE_TEXT(name, text) [SG_TABLE_##name] = text,
        SG_TABLE_MAP(SG_TABLE_TEXT)
#undef SG_TABLE_TEXT
    };
    return names[table];
}

struct sg_journal *sg_journal_new(void)
{
    struct sg_journal *j = sg_calloc(1, sizeof(*j));
    j->last = &j->first;
    j->bytes = sizeof(*j);
    return j;
}

void sg_journal_free(struct sg_journal *j)
{
    if (!j)
        return;
    for (struct sg_journal_op *op = j->first, *next; op; op = next) {
        next = op->next;
        sg_free(op);
    }
    sg_free(j);
}

struct sg_journal_op *sg_journal_add(struct sg_journal *j, const struct sg_journal_op *op)
{
    size_t texts = op->key.n + op->target.n + op->order_key.n + op->body.n + op->extra.n + 5;
    struct sg_journal_op *copy = sg_calloc(1, sizeof(*copy) + texts);
    char *at = (char *)(copy + 1);
    *copy = *op;
    copy->next = NULL;
    copy->key = sg_str_pack(&at, op->key);
    copy->target = sg_str_pack(&at, op->target);
    copy->order_key = sg_str_pack(&at, op->order_key);
    copy->body = sg_str_pack(&at, op->body);
    copy->extra = sg_str_pack(&at, op->extra);
    *j->last = copy;
    j->last = &copy->next;
    j->n++;
    j->bytes += sizeof(*copy) + texts;
    return copy;
}

void sg_journal_put(struct sg_journal *j, enum sg_table table, struct sg_str key,
                    struct sg_str body, int64_t expires_ms)
{
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_PUT,
                                              .table = table,
                                              .key = key,
                                              .body = body,
                                              .time_ms = expires_ms});
}

void sg_journal_delete(struct sg_journal *j, enum sg_table table, struct sg_str key)
{
    sg_journal_add(j,
                   &(struct sg_journal_op){.kind = SG_JOURNAL_DELETE, .table = table, .key = key});
}

void sg_journal_join_take(struct sg_journal *dst, struct sg_journal *src)
{
    if (src->first) {
        *dst->last = src->first;
        dst->last = src->last;
        dst->n += src->n;
        dst->bytes += src->bytes - sizeof(*src);
    }
    sg_free(src);
}
