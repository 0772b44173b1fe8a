"""Alertmanager's files of templates: read beside the configuration, used by receivers, exchanged by a reload."""

import os

import pytest

import kit
from alert_kit import NETWORKS, Hook, rule_file

CONFIG = """
global:
  resolve_timeout: 5m
  slack_api_url: {url}
templates: ['templates/*.tmpl', 'more.tmpl']
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1ms
  group_interval: 100ms
  repeat_interval: 1h
receivers:
  - name: team
    slack_configs:
      - channel: '#ops'
        send_resolved: true
        title: '{{{{ template "my.title" . }}}}'
        title_link: '{{{{ template "slack.default.titlelink" . }}}}'
        text: '{{{{ template "my.text" . }}}}'
        footer: '{{{{ template "slack.default.footer" . }}}}'
"""

# As such files are written: trimmed, in pieces, with what Alertmanager ships and what they replace.
TITLE = """
{{/* A title. */}}
{{ define "my.severity" -}}
    {{- if eq . "critical" -}} !! {{- else -}} ~ {{- end -}}
{{- end }}
{{ define "my.title" -}}
    {{ template "my.severity" .CommonLabels.severity }} {{ .CommonLabels.alertname | toUpper }}
    {{- if gt (len .Alerts.Firing) 0 }} firing{{ else }} over{{ end }}
{{- end }}
"""
TEXT = """
{{ define "my.text" -}}
{{ range .Alerts.Firing -}}
{{ $labels := .Labels }}{{ .Annotations.summary }} ({{ with $labels.Remove (stringSlice "alertname" "severity") }}{{ .Values | join ", " }}{{ end }})
{{- if match "^https?:" .GeneratorURL }} <{{ reReplaceAll "^(https?://[^/]*).*" "$1" .GeneratorURL }}>{{ end }} {{ .StartsAt.Format "2006" | printf "%.2s" }}
{{- end }}
{{- end }}
{{ define "slack.default.footer" }}{{ block "my.footer" .Receiver }}for {{ . }}{{ end }}{{ end }}
"""
RULES = """
groups:
  - name: shop
    interval: 100ms
    rules:
      - alert: LoadHigh
        expr: load > 4
        labels: {severity: critical}
        annotations: {summary: "{{ define `s` }}load of {{ .Labels.shop }}{{ end }}{{ template `s` . }}"}
"""


@pytest.fixture
def hook():
    with Hook() as h:
        yield h


@pytest.fixture
def files(tmp_path, hook):
    """Writes a file, or the configuration; its text is Alertmanager's."""
    os.mkdir(tmp_path / "templates")

    class Files:
        config = CONFIG.format(url=hook.url("/slack"))
        extra = f"tick: 50ms\nrule_files: ['{rule_file(tmp_path, RULES)}']\nexternal_url: http://gauge.example\n" + NETWORKS

        def write(self, path, text):
            (tmp_path / path).write_text(text, encoding="utf-8")
            return tmp_path / path

    f = Files()
    f.write("templates/a.tmpl", TITLE)
    f.write("templates/b.tmpl", TEXT)
    return f


def told(hook, n):
    """The n-th message, as Slack gets it."""
    kit.eventually(lambda: len(hook.bodies("/slack")) >= n, f"message {n}")
    return hook.bodies("/slack")[n - 1]["attachments"][0]


def change(s, value):
    s.put(("load", value, {"shop": "north"}))


def test_texts_of_receivers_come_from_the_files(start, files, hook):
    s = start(config=files.config + files.extra)
    change(s, 9)
    first = told(hook, 1)
    assert first["title"] == "!! LOADHIGH firing"
    assert first["text"] == "load of north (north) <http://gauge.example> 20"
    assert first["footer"] == "for team"
    assert first["title_link"] == "http://gauge.example/#/alerts?receiver=team"
    change(s, 1)
    assert told(hook, 2)["title"] == "!! LOADHIGH over"


def test_it_is_a_file_of_alertmanagers(files):
    path = files.write("alertmanager.yml", files.config)
    done = kit.run(kit.need("amtool"), "check-config", path)
    assert done.returncode == 0 and b"2 templates" in done.stdout, done
    assert kit.run(kit.BINARY, "check-config", path).returncode == 0


def test_the_built_in_ones_need_no_files(start, files, hook):
    config = files.config.replace("my.title", "__subject").replace("my.text", "slack.default.text").replace("templates/*", "none/*")
    s = start(config=config + files.extra)
    change(s, 9)
    first = told(hook, 1)
    assert first["title"] == "[FIRING:1] LoadHigh (critical north)"
    assert first["text"].startswith("Firing:\n- load of north\n") and "shop: north" in first["text"]


def test_what_a_file_defines_anew_is_what_receivers_say_by_themselves(start, files, hook):
    """Alertmanager's usual way to change its texts: receivers without a title, files that define slack.default.title."""
    silent = "\n".join(line for line in files.config.splitlines() if not line.strip().startswith(("title:", "title_link:", "text:", "footer:"))) + "\n"
    files.write("more.tmpl", """{{ define "slack.default.title" }}ours: {{ .CommonLabels.alertname }}{{ end }}
        {{ define "slack.default.text" }}{{ (index .Alerts 0).StartsAt | tz "Asia/Kolkata" | date "-0700" }}{{ end }}
        {{ define "slack.default.titlelink" }} {{ end }}""")
    s = start(config=silent + files.extra)
    change(s, 9)
    first = told(hook, 1)
    assert first["title"] == "ours: LoadHigh" and first["text"] == "+0530" and first["footer"] == "for team"
    assert first["title_link"].startswith("http://gauge.example/"), "an empty definition changes nothing"
    assert first["fallback"] .startswith("[FIRING:1] LoadHigh"), "nobody has defined that one"


def test_a_reload_brings_changed_files(start, files, hook):
    s = start(config=files.config + files.extra)
    files.write("templates/a.tmpl", TITLE.replace("!!", "??"))
    files.write("more.tmpl", "{{ define \"my.footer\" }}from {{ . }}{{ end }}")
    assert s.post("/-/reload", "").status == 200
    change(s, 9)
    first = told(hook, 1)
    assert first["title"] == "?? LOADHIGH firing"
    assert first["footer"] == "from team"


@pytest.mark.parametrize("path, text, place, says", [
    ("templates/a.tmpl", TITLE + "{{ define \"x\" }}\n  {{ .x | }}{{ end }}", "templates/a.tmpl:11:11", "missing value"),
    ("templates/a.tmpl", "\n{{ define \"my.title\" }}{{ template \"my.nothing\" . }}{{ end }}", "templates/a.tmpl:2:27", "'my.nothing'"),
    ("templates/a.tmpl", "{{ define \"other\" }}x{{ end }}", ":17:16", "no definition of a template 'my.title'"),
    ("templates/c.tmpl", "{{ define \"x\" }}", "templates/c.tmpl:1:15", "no {{end}}"),
    ("templates/c.tmpl", "{{ define \"x\" }}{{ bark }}{{ end }}", "templates/c.tmpl:1:20", "function 'bark' is not defined"),
    ("templates/c.tmpl", "x" * (1 << 20) + "y", ":5:13", "c.tmpl' is larger than 1048576 bytes")], ids=["syntax", "call", "receiver", "end", "function", "size"])
def test_a_reload_with_a_bad_file_changes_nothing_and_says_where(start, files, hook, path, text, place, says):
    s = start(config=files.config + files.extra)
    s.allow_errors = "reload refused"
    files.write(path, text)
    answer = s.post("/-/reload", "")
    assert answer.status == 400 and place in answer.json["error"] and says in answer.json["error"], answer
    checked = kit.run(kit.BINARY, "check-config", s.config)
    assert checked.returncode == 1 and place in checked.stderr.decode(), checked
    change(s, 9)
    assert told(hook, 1)["title"] == "!! LOADHIGH firing"


def test_a_file_that_cannot_be_read_is_named(start, files, hook, tmp_path):
    os.symlink("/nowhere", tmp_path / "templates" / "z.tmpl")
    path = files.write("alertmanager.yml", files.config)
    done = kit.run(kit.BINARY, "check-config", path)
    assert done.returncode == 1 and "alertmanager.yml:5:13" in done.stderr.decode() and "z.tmpl': No such file" in done.stderr.decode()


def test_a_pipe_is_no_file_and_keeps_nobody_waiting(files, tmp_path):
    os.mkfifo(tmp_path / "templates" / "z.tmpl")
    done = kit.run(kit.BINARY, "check-config", files.write("alertmanager.yml", files.config))
    assert done.returncode == 1 and "z.tmpl': not a file" in done.stderr.decode()
    done = kit.run(kit.BINARY, "check-config", files.write("rules.yml", "rule_files: ['templates/z.tmpl']\n"))
    assert done.returncode == 1 and "z.tmpl': not a file" in done.stderr.decode()


def test_there_are_not_too_many_files(files, tmp_path):
    for i in range(260):
        files.write(f"templates/x{i}.tmpl", "")
    done = kit.run(kit.BINARY, "check-config", files.write("alertmanager.yml", files.config))
    assert done.returncode == 1 and "more than 256 files" in done.stderr.decode()


def test_a_text_that_fails_is_a_dead_letter_that_says_where(start, files, hook):
    files.write("templates/a.tmpl", "{{ define \"my.title\" }}\n {{ .Alerts.Nothing }}{{ end }}")
    s = start(config=files.config + files.extra)
    s.allow_errors = "a.tmpl"
    change(s, 9)

    def error():
        rows = [r.get("lastError") or r.get("error") or "" for r in s.get("/api/v1/receivers").json["receivers"]]
        return next((r for r in rows if "a.tmpl:2:5" in r), None)

    assert "can't evaluate field Nothing" in kit.eventually(error, "the error")
