"""The template and the style of the tables' web pages, in the colours of the site (palette.py)."""

STYLE = """
:root { color-scheme: light dark;
  --ground: light-dark(#FBFAF7, #13161A); --ink: light-dark(#1A1E24, #ECEAE4);
  --second: light-dark(#454D58, #BBC1C9); --third: light-dark(#646C77, #959DA8);
  --link: light-dark(#0B5794, #82BDEE); --focus: light-dark(#0B6BB3, #82BDEE);
  --line: light-dark(#E5E2DA, #2C323A); --strong: light-dark(#CFCBC0, #434B55);
  --hover: light-dark(#F4F2EC, #20252B); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1376px; padding: 24px 32px 56px; background: var(--ground);
  color: var(--ink); font: 15px/23px system-ui, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { font-family: Charter, "Charis SIL", "Sitka Text", Cambria, Georgia, serif; font-weight: 600; }
h1 { font-size: 30px; line-height: 38px; margin: 16px 0; max-width: 30em; }
h2 { font-size: 22px; line-height: 28px; margin: 40px 0 12px; }
h3 { font-size: 18px; line-height: 24px; margin: 32px 0 8px; }
p, li { max-width: 60em; }
a { color: var(--link); }
a:focus-visible, .scroll:focus-visible { outline: 2.5px solid var(--focus); outline-offset: 2px; }
nav { font-size: 13px; line-height: 24px; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 16px; margin: 0; padding: 0; list-style: none; }
nav [aria-current] { font-weight: 600; color: var(--ink); }
.note, footer { color: var(--second); font-size: 13px; line-height: 20px; }
footer { margin-top: 40px; border-top: 1px solid var(--line); padding-top: 8px; }
.scroll { position: relative; overflow-x: auto; width: fit-content; max-width: 100%;
  border-top: 2px solid var(--strong); border-bottom: 2px solid var(--strong); }
table { border-collapse: collapse; min-width: min(100%, 50em); font-size: 14px; line-height: 20px; }
th, td { padding: 6px 16px 6px 0; text-align: left; vertical-align: top; overflow-wrap: normal;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--second); font-size: 13px; vertical-align: bottom; }
thead tr:last-child th { border-bottom-color: var(--strong); }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { font-weight: 400; }
tr > :first-child { position: sticky; left: 0; background: var(--ground); }
tr > :last-child { padding-right: 2px; }
tbody tr:hover > * { background: var(--hover); }
.number { text-align: right; }
thead .panel { text-align: center; }
.number { font-variant-numeric: tabular-nums; }
.words { min-width: 6.5em; }
sub, sup { font-size: 11px; line-height: 0; position: relative; vertical-align: baseline; }
sup { top: -5px; }
sub { top: 3px; }
.long { min-width: 17em; overflow-wrap: anywhere; }
b { font-weight: 700; }
u { text-decoration-thickness: 1.5px; text-underline-offset: 3px; }
.other { display: block; color: var(--third); font-size: 12px; line-height: 16px; white-space: nowrap; }
code { font-size: 13px; }
@media (max-width: 600px) { body { padding: 16px 18px 40px; } h1 { font-size: 24px; line-height: 30px; }
  tr > :first-child { max-width: 8.5em; } .long { min-width: 14em; } }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  :root { color-scheme: light; --ground: #FFF; --ink: #000; --second: #333; --third: #555; }
  nav { display: none; }
  body { padding: 0; font: 9pt/12pt sans-serif; }
  h1 { font-size: 14pt; line-height: 18pt; }
  h2 { font-size: 11pt; line-height: 14pt; margin: 10pt 0 4pt; break-after: avoid; }
  .scroll { overflow: visible; }
  table, thead th, .note { font-size: 7pt; line-height: 9pt; }
  .other { font-size: 6.5pt; line-height: 8pt; }
  th, td { padding: 2pt 5pt 2pt 0; }
  .long, .words { min-width: 0; }
  sub, sup { font-size: 6pt; }
  tr { break-inside: avoid; }
  tr > :first-child { position: static; }
}
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
{% if links.pages %}
<nav aria-label="Other pages">
<ul>
{% for address, text in links.pages.items() %}
<li>
{%- if address %}<a href="{{ address }}">{{ text }}</a>{% else %}<span aria-current="page">{{ text }}</span>
{%- endif -%}
</li>
{% endfor %}
</ul>
</nav>
{% endif %}
<main>
{% if body %}
{{ body }}
{% else %}
<h1>{{ title }}</h1>
<p>{{ notes[0] }}</p>
{% endif %}
{% for table in tables %}
<h2 id="table{{ loop.index }}">{{ table.heading }}</h2>
<div class="scroll" role="region" aria-labelledby="table{{ loop.index }}" tabindex="0">
<table>
<thead>
{% if table.panels %}
<tr>
{% for panel, count in table.panels %}
{% if panel %}
<th class="panel" scope="colgroup" colspan="{{ count }}">{{ panel }}</th>
{% else %}
<td colspan="{{ count }}"></td>
{% endif %}
{% endfor %}
</tr>
{% endif %}
<tr>
{% for name, kind in table.names %}
<th class="{{ kind }}" scope="col">{{ name }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in table.rows %}
<tr>
{% for value, kind in row %}
<{{ "th scope=row" if loop.first else "td" }} class="{{ kind }}">
{%- if value.mark == "best" %}<b>{{ value.mean }}</b>{% elif value.mark == "second" %}<u>{{ value.mean }}</u>
{%- elif value.address %}<a href="{{ value.address }}">{{ value.mean }}</a>
{%- else %}{{ value.mean }}{% endif %}{{ value.spread }}
{%- if value.other %}<span class="other">{{ value.other }}</span>{% endif -%}
</{{ "th" if loop.first else "td" }}>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endfor %}
{% for note in notes[1:] %}
<p class="note">{{ note }}</p>
{% endfor %}
</main>
{% if links.files %}
<footer>
<nav aria-label="Files of this table">
<ul>
<li>Files:</li>
{% for name in links.files %}
<li><a href="{{ name }}">{{ name }}</a></li>
{% endfor %}
</ul>
</nav>
</footer>
{% endif %}
</body>
</html>
"""
