/* uplot.mjs - a plugin of esbuild: uPlot without what no chart of ours asks it for, a quarter of its bytes. uPlot has switches for that
 * in its sources, but its package is built with all of them on. So what is always the same here is written into its code where it
 * asks; rollup and esbuild then leave out what cannot be reached. Each place is counted: another version of uPlot fails the build
 * until somebody has looked at this list.
 *
 * Whoever gives uPlot an option it had not before (panels/timeseries.ts) looks here whether it is still there.
 */
import { readFileSync } from 'node:fs';

/** @type {[what: string, from: string | RegExp, to: string, count: number][]} */
const ALWAYS = [
    ['x and y, not facets', /\bmode == 2\b/g, 'false', 16],
    ['', /\bmode == 1\b/g, 'true', 16],
    ['time goes from left to right', /\bscaleX\.ori == 0\b/g, 'true', 24],
    ['', /\bscaleX\.ori == 1\b/g, 'false', 9],
    ['', /\bsx\.ori == 0\b/g, 'true', 1],
    ['scales are linear or logarithmic', /\b(\w+\.)?(distr|xScaleDistr) == (2|4|100)\b/g, 'false', 24],
    ['', 'scaleX.distr != 2', 'true', 1],
    ['legends are ours', 'const showLegend = legend.show;', 'const showLegend = false;', 1],
    ['', 'let multiValLegend = false;', 'const multiValLegend = false;', 1],
    ['', 'multiValLegend = getMultiVals != null;', '', 1],
    ['', 'const markers    = legend.markers;', '', 1],
    ['', /^\t\tmarkers\.\w+ *= fnOrSelf\(markers\.\w+\);$/gm, '', 4],
    ['', /^\t\t(stroke: legendStroke|fill: legendFill),$/gm, '', 2],
    ['words for times are ours', 'const _timeAxisVals   = timeAxisVals(_tzDate, timeAxisStamps((ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS), _fmtDate));', 'const _timeAxisVals = null;', 1],
    ['', /^\t\t_timeAxisStamps,$/gm, 'null,', 1],
    ['', 'const days3 = days.map(slice3);', 'const days3 = [];', 1],
    ['', 'const months3 = months.map(slice3);', 'const months3 = [];', 1],
    ['', 'const _timeSeriesVal  = timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate));', 'const _timeSeriesVal = null;', 1],
    ['', 'const _fmtDate = (opts.fmtDate || fmtDate);', '', 1],
    ['', '(isStr(sv) ? timeSeriesVal(_tzDate, timeSeriesStamp(sv, _fmtDate)) : sv || _timeSeriesVal)', 'sv', 1],
    ['', /isArr\(av\) \?\s+timeAxisVals\(_tzDate, timeAxisStamps\(av, _fmtDate\)\) :/g, '', 1],
    ['', /isStr\(av\) \?\s+timeAxisVal\(_tzDate, av\) :/g, '', 1],
    ['', 'const localTz = new Intl.DateTimeFormat().resolvedOptions().timeZone;', 'const localTz = "";', 1],
    ['times are milliseconds', 'const ms = opts.ms || 1e-3;', 'const ms = 1;', 1],
    ['', 'const [ timeIncrsS,  _timeAxisStampsS,  timeAxisSplitsS  ] = genTimeStuffs(1e-3);', '', 1],
    ['', '(ms == 1 ? timeAxisSplitsMs(_tzDate) : timeAxisSplitsS(_tzDate))', 'timeAxisSplitsMs(_tzDate)', 1],
    ['', '(ms == 1 ? timeIncrsMs : timeIncrsS)', 'timeIncrsMs', 1],
    ['charts follow each other by our crosshair', /\bsrc != null\b/g, 'false', 1],
    ['', /\bsrc == null\b/g, 'true', 3],
    ['', /\be != null\b/g, 'true', 8],
    ['', /\tif \(syncOpts\.filters\.pub\(type, src, x, y, w, h, i\)\)\s+sync\.pub\(type, src, x, y, w, h, i\);/g, '', 1],
    ['', /\tif \(syncOpts\.filters\.sub\(type, src, x, y, w, h, i\)\)\s+events\[type\]\(null, src, x, y, w, h, i\);/g, '', 1],
    ['', 'const sync = _sync(syncKey);', '', 1],
    ['', /sync\.(un)?sub\(self\);/g, '', 2],
    ['', 'if (syncKey != null) {', 'if (false) {', 2],
    ['a drag chooses a time, and is ours to act on', /\bdrag\.y\b/g, 'false', 4],
    ['', 'drag.setScale && hasSelect', 'false && hasSelect', 1],
    ['', 'let uni = drag.uni;', 'const uni = null;', 1],
    ['the cursor is free, with a point on each line', 'else if (cursor.lock)', 'else if (false)', 1],
    ['', 'const cursorOnePt = cursorFocus && points.one;', 'const cursorOnePt = false;', 1],
    ['', 'let bias = focus.bias;', 'const bias = 0;', 1],
    ['', 'getBBox = points.bbox;', 'getBBox = null;', 1],
    ['no plugins, no title', '(opts.plugins || [])', '[]', 2],
    ['', 'if (opts.title) {', 'if (false) {', 1],
    ['a chart of other lines is another chart', /^\tself\.(addSeries|delSeries|addBand|setBand|delBand|setLegend|valToIdx|posToIdx|pub) = .*;$/gm, '', 9],
    ['nobody else asks for these', /^\t?uPlot\.(assign|fmtNum|rangeAsinh|orient|pxRatio|join|fmtDate|tzDate|sync|addGap|clipGaps) *= .*;$/gm, '', 11],
];

export const lean = {
    name: 'uplot',
    setup(/** @type {import('esbuild').PluginBuild} */ build) {
        build.onLoad({ filter: /[\\/]uplot[\\/]dist[\\/]uPlot\.esm\.js$/ }, ({ path }) => {
            let contents = readFileSync(path, 'utf8');
            const errors = [];
            for (const [, from, to, count] of ALWAYS) {
                const places = from instanceof RegExp ? [...contents.matchAll(from)].length : contents.split(from).length - 1;
                if (places !== count)
                    errors.push({ text: `uPlot has ${places} times ${from}, not ${count}: see tools/uplot.mjs` });
                contents = contents.replaceAll(from, () => to);
            }
            return { contents, loader: 'js', errors };
        });
    },
};
