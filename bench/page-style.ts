/** How the page looks, by day and by night. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #22303c; --faint: #6b7a86; --line: #d9e0e5; --paper: #fbfaf7; --card: #fff;
  --aim: #2f7d5b; --must: #3f7fb5; --missed: #c2593f; --none: #93a3af; --c0: #2f6f9f; --c1: #c2593f; --c2: #2f7d5b; --c3: #8a5fa8; --c4: #a8842c; --c5: #4f9aa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #dde5ea; --faint: #93a3af; --line: #33424d; --paper: #161d22; --card: #1d262c;
  --aim: #58b088; --must: #6ba8db; --missed: #e2795f; --none: #6b7a86; --c0: #6ba8db; --c1: #e2795f; --c2: #58b088; --c3: #b98fd6; --c4: #d3af57; --c5: #78c3c9; } }
* { box-sizing: border-box } body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
header, main { max-width: 1040px; margin: 0 auto; padding: 0 24px } header { padding-top: 40px }
h1 { margin: 0; font-size: 34px; letter-spacing: -.02em } h1 small { font-size: 18px; font-weight: 400; color: var(--faint); letter-spacing: 0 }
h2 { margin: 0 0 4px; font-size: 20px } h3 { margin: 24px 0 6px; font-size: 15px } header p, section > p { color: var(--faint); margin: 4px 0 12px }
.versions { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12.5px } .warning { color: var(--missed); font-weight: 600 }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px; margin: 20px 0; overflow-x: auto }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif } svg text { fill: var(--ink) } svg .faint { fill: var(--faint) }
svg .grid { stroke: var(--line) } svg .whisker { stroke: var(--ink); stroke-width: 1.2 } svg .bound { stroke: var(--ink); stroke-width: 2 }
svg .wish { stroke: var(--faint); stroke-width: 2; stroke-dasharray: 2 2 } svg rect.aim { fill: var(--aim) } svg rect.must { fill: var(--must) }
svg rect.missed { fill: var(--missed) } svg rect.none { fill: var(--none) } svg .curve { fill: none; stroke-width: 2 }
table { border-collapse: collapse; width: 100%; font-size: 13px; table-layout: fixed } th { width: 190px } td.number { width: 130px } td.number + td.number { width: 64px } th { text-align: left; font-weight: 500 }
th, td { padding: 4px 10px 4px 0; border-top: 1px solid var(--line); vertical-align: top } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td span.aim { color: var(--aim) } td span.must { color: var(--must) } td span.missed { color: var(--missed) }
`;
