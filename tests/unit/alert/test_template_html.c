/* test_template_html.c - values in HTML: escaped for the place where they stand. What `gives_as_go`
 * expects is what `amtool template render --template.type=html` answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/mem.h>
#include <streamgauge/template.h>
#include <string.h>

static const char json[] =
    "{\"x\":\"\\\"><script>\",\"j\":\"javascript:alert(1)\",\"u\":\"http://a/b?c=d e&f=<g>'h(i)\","
    "\"s\":\"a b=`c'\",\"p\":\"a+b\",\"m\":\"MAILTO:x@y\",\"css\":\"red\",\"css2\":\"url(x)\","
    "\"r\":\"/p/q:r\",\"c\":\"a:b\",\"e\":\"\",\"t\":\"<b>hi</b> & "
    "\\\"q\\\"\",\"pc\":\"x%20y%zz\"}";

static int expand(const char *text, struct sg_template_set *set, struct sg_buf *out,
                  struct sg_error *err)
{
    struct sg_template *t;
    struct sg_template_data data = {.json = {json, sizeof(json) - 1}, .html = true};
    *err = (struct sg_error){0};
    sg_buf_init(out, 1 << 20);
    int rc = sg_template_parse_in(sg_str_from(text), set, &t, err);
    if (rc == 0)
        rc = sg_template_expand(t, &data, out, err);
    sg_template_free(t);
    return rc;
}

static void gives(const char *text, const char *expected)
{
    struct sg_buf out;
    struct sg_error err;
    if (expand(text, NULL, &out, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    if (strcmp(sg_buf_cstr(&out), expected) != 0)
        fail_msg("%s\n gives    %s\n expected %s", text, sg_buf_cstr(&out), expected);
    sg_buf_deinit(&out);
}
#define gives_as_go gives

static void test_html__texts(void **state)
{
    (void)state;
    gives_as_go("{{ .t }}", "&lt;b&gt;hi&lt;/b&gt; &amp; &#34;q&#34;");
    gives_as_go("{{ .e }}{{ .p }}", "a&#43;b");
    gives_as_go("{{ .t | safeHtml }}", "<b>hi</b> & \"q\"");
    gives_as_go("{{ .p }} {{ .p | html }}", "a&#43;b a+b");
    gives_as_go("{{ \"a\\x00b\" }}", "a\xef\xbf\xbd"
                                     "b");
    gives_as_go("<title>{{ .t }}</title>",
                "<title>&lt;b&gt;hi&lt;/b&gt; &amp; &#34;q&#34;</title>");
    gives("a < b {{ .s }} <3 {{ .s }}", "a < b a b=`c&#39; <3 a b=`c&#39;");
    gives("<p>{{ .x | safeHtml | printf \"%s\" }}", "<p>&#34;&gt;&lt;script&gt;");
}

static void test_html__comments_have_no_values(void **state)
{
    (void)state;
    gives("<!-- {{ .t }} -- <a href={{ .s }}> -->{{ .p }}", "<!--  -- <a href=> -->a&#43;b");
    gives("<!-->{{ .p }}<!---->{{ .p }}<!doctype {{ .p }}>{{ .p }}",
          "<!-->a&#43;b<!---->a&#43;b<!doctype >a&#43;b");
}

static void test_html__attributes_without_quotes(void **state)
{
    (void)state;
    gives_as_go("<td bgcolor={{ .s }}>", "<td bgcolor=a&#32;b&#61;&#96;c&#39;>");
    gives_as_go("<td bgcolor=a{{ .s }}b>", "<td bgcolor=aa&#32;b&#61;&#96;c&#39;b>");
    gives_as_go("<p a=b{{ .s }} c>{{ .s }}", "<p a=ba&#32;b&#61;&#96;c&#39; c>a b=`c&#39;");
    gives_as_go("<p title={{ .p }}>{{ .p }}", "<p title=a&#43;b>a&#43;b");
    gives_as_go("<p title={{ .t | safeHtml }}>", "<p title=hi&#32;&&#32;&#34;q&#34;>");
    gives_as_go("<a href={{ .u }}>",
                "<a href=http://a/b?c&#61;d%20e&amp;f&#61;%3cg%3e%27h%28i%29>");
    gives_as_go("<a href=\"x\" title={{ .s }} b=\"{{ .s }}\">",
                "<a href=\"x\" title=a&#32;b&#61;&#96;c&#39; b=\"a b=`c&#39;\">");
    gives("<td bgcolor={{ .e }} title=x>", "<td bgcolor=ZgotmplZ title=x>");
    gives("<td bgcolor={{ .s | html }}>", "<td bgcolor=a&#32;b&#61;&#96;c&#39;>");
}

static void test_html__attributes_in_quotes(void **state)
{
    (void)state;
    gives_as_go("<p title=\"{{ .t }}\">", "<p title=\"&lt;b&gt;hi&lt;/b&gt; &amp; &#34;q&#34;\">");
    gives_as_go("<p title=\"{{ .t | safeHtml }}\">", "<p title=\"hi & &#34;q&#34;\">");
    gives_as_go("<p title=\"{{ .t | html }}\">",
                "<p title=\"&lt;b&gt;hi&lt;/b&gt; &amp; &#34;q&#34;\">");
    gives_as_go("<p title='{{ .s }}'>", "<p title='a b=`c&#39;'>");
    gives_as_go("<p title=\"{{ 1.5 }}{{ len .p }}\">", "<p title=\"1.53\">");
    gives("<p title = \"{{ .x | safeHtml }}\">{{ .x }}",
          "<p title = \"&#34;&gt;\">&#34;&gt;&lt;script&gt;");
}

static void test_html__schemes_of_urls(void **state)
{
    (void)state;
    gives_as_go("<a href=\"{{ .j }}\">", "<a href=\"#ZgotmplZ\">");
    gives_as_go("<a href=\"{{ .j | safeHtml }}\">", "<a href=\"#ZgotmplZ\">");
    gives_as_go("<a href=\"{{ .j | html }}\">", "<a href=\"#ZgotmplZ\">");
    gives_as_go("<a HREF = \"{{ .j }}\">", "<a HREF = \"#ZgotmplZ\">");
    gives_as_go("<a href={{ .j }}>", "<a href=#ZgotmplZ>");
    gives_as_go("<a xlink:href=\"{{ .j }}\">", "<a xlink:href=\"#ZgotmplZ\">");
    gives_as_go("<img src=\"{{ .j }}\">", "<img src=\"#ZgotmplZ\">");
    gives_as_go("<form action=\"{{ .j }}\">", "<form action=\"#ZgotmplZ\">");
    gives_as_go("<img srcset=\"{{ .j }}, /b 2x\">", "<img srcset=\"#ZgotmplZ, /b 2x\">");
    gives_as_go("<p data-url=\"{{ .j }}\" data-x=\"{{ .j }}\">",
                "<p data-url=\"#ZgotmplZ\" data-x=\"javascript:alert(1)\">");
    gives_as_go("<a href=\"{{ .e }}{{ .j }}\">", "<a href=\"#ZgotmplZ\">");
    gives_as_go("<a href=\"{{ .css }}{{ .c }}\">", "<a href=\"red#ZgotmplZ\">");
    gives_as_go("<a href=\" {{ .m }}\">", "<a href=\" MAILTO:x@y\">");
    gives_as_go("<a href=\"{{ .r }}\">", "<a href=\"/p/q:r\">");
    gives("<a href=\"java{{ .c }}\">", "<a href=\"java#ZgotmplZ\">");
    gives("<img srcset=\"/a, {{ .j }} 2x\">", "<img srcset=\"/a, #ZgotmplZ 2x\">");
}

static void test_html__parts_of_urls(void **state)
{
    (void)state;
    gives_as_go("<a href=\"{{ .u }}\">",
                "<a href=\"http://a/b?c=d%20e&amp;f=%3cg%3e%27h%28i%29\">");
    gives_as_go("<a href=\"{{ .u | html }}\">",
                "<a href=\"http://a/b?c=d%20e&amp;f=%3cg%3e%27h%28i%29\">");
    gives_as_go("<a href=\"http://a/?q={{ .u }}\">",
                "<a href=\"http://a/?q=http%3a%2f%2fa%2fb%3fc%3dd%20e%26f%3d%3cg%3e%27h%28i%29\">");
    gives_as_go(
        "<a href=\"http://a/?q={{ .u | urlquery }}\">",
        "<a href=\"http://a/?q=http%3A%2F%2Fa%2Fb%3Fc%3Dd&#43;e%26f%3D%3Cg%3E%27h%28i%29\">");
    gives_as_go("<a href=\"http://a/?q={{ .pc }}\">", "<a href=\"http://a/?q=x%2520y%25zz\">");
    gives_as_go("<a href=\"/{{ .pc }}\">", "<a href=\"/x%20y%25zz\">");
    gives_as_go("<a href=\"#{{ .j }}\">", "<a href=\"#javascript%3aalert%281%29\">");
}

static void test_html__safe_urls_are_escaped(void **state)
{
    (void)state;
    gives("{{ .x | safeUrl }}", "&#34;&gt;&lt;script&gt;");
    gives("<p title=\"{{ .x | safeUrl }}\">", "<p title=\"&#34;&gt;&lt;script&gt;\">");
    gives("<a href=\"{{ .x | safeUrl }}\">", "<a href=\"%22%3e%3cscript%3e\">");
    gives("<a href=\"{{ .j | safeUrl }}\">", "<a href=\"javascript:alert%281%29\">");
    gives("<a href=\"/?{{ .u | safeUrl }}\">",
          "<a href=\"/?http://a/b?c=d%20e&amp;f=%3cg%3e%27h%28i%29\">");
}

static void test_html__names(void **state)
{
    (void)state;
    gives_as_go("<td {{ .css }}>", "<td red>");
    gives_as_go("<td {{ .css }}=1>", "<td red=1>");
    gives_as_go("<td {{ .s }}>", "<td ZgotmplZ>");
    gives_as_go("<td {{ \"href\" }}>", "<td ZgotmplZ>");
    gives_as_go("<h{{ 2 }}>", "<h2>");
    gives_as_go("<{{ .css }}>", "&lt;red>");
    gives_as_go("<br/{{ .css }}>", "<br/red>");
    gives("</{{ .css }}>{{ .s }}", "&lt;/red>a b=`c&#39;");
    gives("<td o{{ \"nclick\" }}=\"{{ .css2 }}\">", "<td onclick=\"ZgotmplZ\">");
}

static void test_html__code(void **state)
{
    (void)state;
    gives_as_go("<p style=\"color:{{ .css }}\">", "<p style=\"color:red\">");
    gives_as_go("<p style=\"color:{{ .css2 }}\">", "<p style=\"color:ZgotmplZ\">");
    gives_as_go("<p style=\"color:{{ .s }}\">", "<p style=\"color:ZgotmplZ\">");
    gives_as_go("<style>p { color: {{ .css }} }</style>", "<style>p { color: red }</style>");
    gives_as_go("<script>var x = \"{{ .css }}\";</script>", "<script>var x = \"red\";</script>");
    gives("<script>if (1 < 2) f({{ .t }}); </SCRIPT >{{ .p }}<p onclick='{{ .j }}'>",
          "<script>if (1 < 2) f(ZgotmplZ); </SCRIPT >a&#43;b<p onclick='ZgotmplZ'>");
    gives("<style>a</styleb>{{ .css2 }}</style>{{ .t | len }}",
          "<style>a</styleb>ZgotmplZ</style>15");
}

static void test_html__the_place_is_known_across_definitions(void **state)
{
    (void)state;
    gives("{{ define \"v\" }}{{ . }}{{ end }}{{ template \"v\" .s }}<td a={{ template \"v\" .s }}>"
          "<a href=\"{{ template \"v\" .j }}\">{{ range list .s .s }}<td a={{ . }}>{{ end }}",
          "a b=`c&#39;<td a=a&#32;b&#61;&#96;c&#39;><a href=\"#ZgotmplZ\">"
          "<td a=a&#32;b&#61;&#96;c&#39;><td a=a&#32;b&#61;&#96;c&#39;>");
    gives("<td{{ if .s }} a={{ else }} b=\"{{ end }}{{ .s }}>", "<td a=a&#32;b&#61;&#96;c&#39;>");
}

static void test_html__long_values_have_the_limit_of_texts(void **state)
{
    struct sg_buf out, text;
    struct sg_error err;
    (void)state;
    sg_buf_init(&text, 1 << 20);
    sg_buf_puts(&text, "{{ $s := `");
    for (int i = 0; i < 2000; i++)
        sg_buf_puts(&text, "0123456789");
    sg_buf_puts(&text, "` }}{{ list $s $s $s $s $s }}");
    assert_int_equal(expand(sg_buf_cstr(&text), NULL, &out, &err), 0);
    assert_int_equal(out.len, 5 * 20000 + 6);
    sg_buf_deinit(&out);
    sg_buf_puts(&text, "{{ list $s $s $s $s $s $s $s $s $s $s }}");
    assert_int_equal(expand(sg_buf_cstr(&text), NULL, &out, &err), SG_EEXECUTION);
    assert_non_null(strstr(err.text, "longer than 262144 bytes"));
    sg_buf_deinit(&out);
    sg_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html__texts),
        cmocka_unit_test(test_html__comments_have_no_values),
        cmocka_unit_test(test_html__attributes_without_quotes),
        cmocka_unit_test(test_html__attributes_in_quotes),
        cmocka_unit_test(test_html__schemes_of_urls),
        cmocka_unit_test(test_html__parts_of_urls),
        cmocka_unit_test(test_html__safe_urls_are_escaped),
        cmocka_unit_test(test_html__names),
        cmocka_unit_test(test_html__code),
        cmocka_unit_test(test_html__the_place_is_known_across_definitions),
        cmocka_unit_test(test_html__long_values_have_the_limit_of_texts),
    };
    return cmocka_run_group_tests_name("template_html", tests, NULL, NULL);
}
