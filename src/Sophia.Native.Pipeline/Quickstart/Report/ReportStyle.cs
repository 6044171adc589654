namespace Sophia.Native.Pipeline.Quickstart.Report;

/// <summary>The style sheet of the report: one column on a phone, light and dark by the reader's setting, colors that differ in brightness too.</summary>
internal static class ReportStyle
{
    public const string Text = """
        :root {
          color-scheme: light dark;
          --page: #f7f7f4; --card: #ffffff; --ink: #1c1e21; --muted: #646a73; --line: #dfe0dc; --track: #ecece7;
          --good: #1a7f4b; --bad: #b3261e; --bad-soft: #fbe4e1;
          --c0: #1f6fb4; --c1: #d1641b; --c2: #22875a; --c3: #9a4fb0; --c4: #8a6d00; --c5: #3d8f9e; --c6: #b0476b; --c7: #6b6f76;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #15171a; --card: #1e2125; --ink: #e6e7e9; --muted: #9aa1ab; --line: #33373d; --track: #2b2f34;
            --good: #5cc791; --bad: #ff8a80; --bad-soft: #4a2320;
            --c0: #6cb2ee; --c1: #f2994f; --c2: #5fca97; --c3: #cf94e0; --c4: #d9bd45; --c5: #7accd9; --c6: #ee8fb0; --c7: #a9aeb6;
          }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; }
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
        main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
        h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .75rem; letter-spacing: -.01em; }
        h2 { font-size: 1.3rem; line-height: 1.3; margin: 3rem 0 .4rem; }
        p { margin: .4rem 0; max-width: 46rem; }
        .note { color: var(--muted); font-size: .9rem; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem; margin-top: 1rem; }
        .number { font-variant-numeric: tabular-nums; white-space: nowrap; }

        .key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 0 0 .6rem; font-size: .85rem; color: var(--muted); }
        .key span { display: inline-flex; align-items: center; gap: .4rem; }
        .key i { width: .8rem; height: .8rem; border-radius: .2rem; display: inline-block; }

        .arm { display: grid; grid-template-columns: 11rem 1fr; gap: 0 1rem; padding: .55rem 0; align-items: center; }
        .arm + .arm { border-top: 1px solid var(--line); }
        .arm b { font-weight: 600; }
        .bars { display: grid; gap: .3rem; }
        .bar { display: grid; grid-template-columns: 1fr 6.2rem; gap: .7rem; align-items: center; }
        .track { position: relative; height: .8rem; background: var(--track); border-radius: .2rem; }
        .fill { position: absolute; inset: 0 auto 0 0; border-radius: .2rem; }
        .spread { position: absolute; top: 50%; height: 2px; margin-top: -1px; background: var(--ink); }
        .spread::before, .spread::after { content: ""; position: absolute; top: -3px; height: 8px; width: 2px; background: var(--ink); }
        .spread::before { left: 0; } .spread::after { right: 0; }
        .bar .number { font-size: .85rem; }

        .scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; padding: 0; }
        table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
        th, td { padding: .5rem .7rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
        thead th { font-weight: 500; color: var(--muted); vertical-align: bottom; border-top: 0; line-height: 1.3; padding-bottom: .35rem; }
        thead tr.groups th { text-align: left; color: var(--ink); font-weight: 600; padding-bottom: 0; }
        th.first, td.first { border-left: 1px solid var(--line); }
        tbody th { text-align: left; font-weight: 600; position: sticky; left: 0; background: var(--card); }
        thead th.corner { position: sticky; left: 0; background: var(--card); text-align: left; }

        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; margin-top: 1rem; }
        .charts .card { margin: 0; }
        .charts h3 { font-size: .95rem; font-weight: 600; margin: 0 0 .5rem; }
        svg { display: block; width: 100%; height: auto; }
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--muted); font-variant-numeric: tabular-nums; }
        svg .grid { stroke: var(--line); stroke-width: 1; }
        svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }

        .item { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 1.2rem; }
        .item img { width: 100%; height: auto; aspect-ratio: 1; image-rendering: pixelated; border-radius: .4rem; display: block; }
        .item h3 { font-size: 1rem; font-weight: 600; margin: 0; }
        .item ul { margin: .5rem 0 0; padding: 0; list-style: none; font-size: .85rem; color: var(--muted); }
        .item h4 { font-size: .8rem; font-weight: 600; color: var(--muted); margin: 1rem 0 .3rem; }
        .item h4:first-of-type { margin-top: .7rem; }
        .captions { display: grid; grid-template-columns: auto auto 1fr; gap: .3rem .7rem; font-size: .88rem; align-items: baseline; }
        .passes { color: var(--good); } .fails { color: var(--muted); }
        .chosen { font-weight: 600; }
        .answer { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .8rem; font-size: .92rem; margin: 0; max-width: none; overflow-wrap: anywhere; }
        .thinking { color: var(--muted); }
        .right { color: var(--good); font-weight: 600; } .wrong { color: var(--bad); font-weight: 600; }
        mark { background: var(--bad-soft); color: inherit; border-radius: .2rem; padding: 0 .15rem; text-decoration: underline wavy var(--bad) 1px; text-underline-offset: .2em; }

        dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .35rem 1.2rem; margin: 0; font-size: .92rem; }
        dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }

        @media (max-width: 44rem) {
          main { padding: 1.5rem .9rem 3rem; }
          h1 { font-size: 1.6rem; }
          svg text { font-size: 15px; }
          .arm { grid-template-columns: 1fr; gap: .3rem; }
          .item { grid-template-columns: minmax(0, 1fr); }
          .item figure { max-width: 13rem; }
          .captions { grid-template-columns: auto 1fr; }
          .captions .text { grid-column: 1 / -1; padding-bottom: .4rem; }
          dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
        }
        figure { margin: 0; }
        """;
}
