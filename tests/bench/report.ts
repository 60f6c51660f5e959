/** Writes `docs/performance.md` and its plots from what has been measured. */
import { AGENTS, versions, type Agent } from './agents.js'
import { BENCHMARKS } from './benchmarks.js'
import { bars, curves, short } from './plot.js'
import type { Results } from './results.js'
import { publishedSize } from './sizes.js'
import { Samples, summarise, type Summary } from './statistics.js'

export function report(results: Results): { page: string; plots: [name: string, text: string][] } {
  const { conditions, commits = {}, sizes, failures, seconds } = results
  const samples = new Samples(results.samples)
  const there = AGENTS.filter(({ name }) => name in sizes || samples.all.some(({ agent }) => agent === name))
  const agents = there.filter(({ kind }) => kind !== 'none')
  const plots: [string, string][] = []
  const has = (benchmark: string) => samples.all.some((sample) => sample.benchmark === benchmark)
  const of = (benchmark: string, { name }: Agent, value: string) =>
    summarise(samples.above(benchmark, name, value))
  const plain = (benchmark: string, { name }: Agent, value: string) => samples.summary(benchmark, name, value)
  const ratio = (benchmark: string, { name }: Agent, to: string, value: string) =>
    summarise(samples.ratios(benchmark, name, to, value))
  const plot = (
    name: string,
    title: string,
    unit: string,
    value: (agent: Agent) => Summary | undefined,
    those = agents,
  ) => {
    const rows = those.flatMap((agent) => {
      const found = value(agent)
      return found ? [{ label: agent.title, kind: agent.kind, value: found }] : []
    })
    if (!rows.length) return ''
    rows.sort((a, b) => a.value.median - b.value.median)
    plots.push([name, bars(title, unit, rows)])
    return `![${title}](performance/${name}.svg)\n`
  }
  const table = (head: readonly string[], row: (agent: Agent) => readonly string[], those = agents) =>
    [
      `| agent | ${head.join(' | ')} |`,
      `|---|${head.map(() => '---:|').join('')}`,
      ...those.map((agent) => `| ${strong(agent, agent.title)} | ${row(agent).join(' | ')} |`),
      '',
    ].join('\n')

  const published = new Map(agents.map((agent) => [agent, publishedSize(agent)]))
  const parts: string[] = []
  parts.push(`## Size

What a page loads, bundled by esbuild and minified; "with what comes later" adds the parts that an agent loads by itself, and
"as published" is the file for a script tag that comes with a package, if one does, in brotli. Ours are those files. The plot has
the smaller one.

**Worse than others:** \`headwater/elastic\` is twice as big as Elastic's agent, and \`headwater/full\` about as big as Sentry's and
Datadog's. Elastic's has the browser's \`JSON\` and gzip (and loses what they have not done when the page is left:
[delivery.md](delivery.md)); ours brings both, writes OTLP beside Elastic's format, keeps what could not be sent, and checks
its configuration. What each part adds: [contributing.md](contributing.md#the-modules-size).

${plot('size', 'Size, brotli', 'kB', (agent) => {
  const size = agent.kind !== 'floor' && sizes[agent.name]
  return size ? one(Math.min(size.brotli, published.get(agent) ?? Infinity) / 1000) : undefined
})}
${table(
  ['minified', 'gzip', 'brotli', 'with what comes later', 'as published'],
  (agent) => {
    const { minified, gzip, brotli, all } = sizes[agent.name] ?? {}
    return [minified, gzip, brotli, all, published.get(agent)].map(
      (bytes) => bytes?.toLocaleString('en') ?? '–',
    )
  },
  agents.filter(({ kind }) => kind !== 'floor'),
)}`)

  if (has('start-1x')) {
    const start = (throttle: number, value: string) => (agent: Agent) =>
      milliseconds(of(`start-${throttle}x`, agent, value))
    parts.push(`## Start

"Start" is the time in which the browser compiles and runs the agent's script, with \`init\`, until the next line of the page can
run: cold in a new browser profile, warm when the browser has kept the compiled code. "All" is what the main thread does from the navigation
until 0.4 s after the agent is up, above a page without an agent: that includes what is done later. "Long" is the median number
of tasks above 50 ms while the page loads, cold, and the longest: with the floor and ours that is the one in which the browser makes the document,
ahead of any script; who has longer ones of their own has much more than that.

Ours only install hooks until then; observers begin behind the first paint. Their files begin with a comment that has Chromium compile all of a script on another thread, while it is
loaded: [\`//# allFunctionsCalledOnLoad\`](https://v8.dev/blog/explicit-compile-hints), with which a page's own bundle may begin, too. No other agent's
file does; Elastic's would take 2 ms with it, and not 3.9. Most of what is left is what the browser makes for whoever asks first, such as the prototypes of elements for the attributes of the script tag. The module is compiled and configured with the first request, else behind the load event; that
is in "all". Most of it is decoding the module, which travels as text within the script, and compiling its functions, which
the browser does as each is called first. Behind the load event it is decoded in parts, a task each, and compiled, configured and
used in others: none takes 5 ms. The next page of a visit does it again: browsers keep compiled code of modules that are
fetched, not of those that are decoded. \`headwater/elastic\` ends the page load a second behind its event, and does it after what is
measured here.

**Worse than others:** in "all" \`headwater\` and \`headwater/full\` do more than Elastic's agent, as they decode and compile a module, and open
the database of what earlier pages could not send. New Relic's loads three quarters of itself later.

${plot('start', 'Start, cold', 'ms', (agent) => thousandth(of('start-1x', agent, 'cold')))}
${table(
  [
    'cold',
    'of Elastic’s',
    'cold, 4x',
    'cold, 6x',
    'warm',
    'all, cold',
    'all, cold, 4x',
    'long, 4x',
    'longest, 4x',
  ],
  (agent) => [
    start(1, 'cold')(agent),
    times(ratio('start-1x', agent, 'elastic', 'cold')),
    start(4, 'cold')(agent),
    start(6, 'cold')(agent),
    start(1, 'warm')(agent),
    start(1, 'coldAll')(agent),
    start(4, 'coldAll')(agent),
    number(plain('start-4x', agent, 'coldLong')),
    milliseconds(plain('start-4x', agent, 'coldLongest')),
  ],
)}`)
  }

  if (has('requests-1x')) {
    parts.push(`## Requests

The main thread's time for one request above that of a page without an agent, from the call until its data has been sent, in µs. The
page's requests are answered within the page (see [below](#how-it-is-measured)). "First" is the mean of the first 20 requests by
\`fetch\` of a page. "Recorded" is the share of requests that has come to the collector: who records nothing costs nothing.

${plot('fetch', 'Main-thread time per fetch', 'µs', (agent) => of('requests-1x', agent, 'fetch'))}
${plot('xhr', 'Main-thread time per XHR', 'µs', (agent) => of('requests-1x', agent, 'xhr'))}
${table(
  [
    'fetch',
    'to the floor',
    'XHR',
    'to the floor',
    'fetch, 4x',
    'to the floor',
    'XHR, 4x',
    'first',
    'recorded',
  ],
  (agent) => [
    spread(of('requests-1x', agent, 'fetch')),
    times(ratio('requests-1x', agent, 'floor', 'fetch')),
    spread(of('requests-1x', agent, 'xhr')),
    times(ratio('requests-1x', agent, 'floor', 'xhr')),
    spread(of('requests-4x', agent, 'fetch')),
    times(ratio('requests-4x', agent, 'floor', 'fetch')),
    spread(of('requests-4x', agent, 'xhr')),
    spread(of('requests-1x', agent, 'first')),
    recorded(plain('requests-1x', agent, 'fetchRecorded'), plain('requests-1x', agent, 'xhrRecorded')),
  ],
)}
**Worse than others:** the floor. In a warm page whose requests are answered at once, ours take 6 µs; here each ten begin with cold
caches, as on a real page, and much of the rest are requests to the collector. One costs the thread a millisecond or more (most of
it within the native \`fetch\`), and ours go out when 45 KiB wait, so that what is left fits into the 64 KiB that may be sent when the
page is left. The floor sends one for all, of any size, and loses it then. The more that \`headwater/elastic\` takes is Elastic's JSON,
compressed on the page's thread: Elastic's own agent has a stream do that on another one, and does not live to see its end
when the page is left ([delivery.md](delivery.md)). Its first 20 requests compile what writes and compresses.

Of that, what the agent does once it is told to send (or the page is hidden), if it has not sent by then: µs for each request.

${table(['fetch', 'XHR'], (agent) => [spread(of('requests-1x', agent, 'fetchFlush')), spread(of('requests-1x', agent, 'xhrFlush'))])}`)
  }

  if (has('network-1x')) {
    parts.push(`### With a real server

The same with a server on this machine: there are entries of resource timing then, which agents read, wait for, or record from. The
page's own work for a request is ten times as much, and so is the noise.

${plot('network', 'Main-thread time per fetch, with a server', 'µs', (agent) => of('network-1x', agent, 'fetch'))}
${table(['fetch', 'XHR', 'recorded', 'bytes sent, fetch', 'XHR'], (agent) => [
  spread(of('network-1x', agent, 'fetch')),
  spread(of('network-1x', agent, 'xhr')),
  recorded(plain('network-1x', agent, 'fetchRecorded'), plain('network-1x', agent, 'xhrRecorded')),
  number(plain('network-1x', agent, 'fetchBytes')),
  number(plain('network-1x', agent, 'xhrBytes')),
])}
"Bytes sent" are those of the bodies that the collector gets, for each request, as they are on the wire: compressed where the agent
does that by default. Those of \`headwater/elastic\` are more than those of Elastic's agent: each request is a transaction with a trace of its own,
whose 24 random bytes are 48 as hexadecimal digits in the fixed codes of our gzip.
`)
  }

  if (has('sparse')) {
    parts.push(`### One at a time

A request by \`fetch\` each 1.5 s, as most pages make them, answered within the page: what an agent sends is not shared by hundreds
then. Milliseconds of the main thread for each, above those of a page without an agent; requests to the collector for each of the
page's own, and bytes of their bodies (each has some hundred more of headers).

${plot('sparse', 'Main-thread time per fetch, one at a time', 'ms', (agent) => thousandth(of('sparse', agent, 'fetch')))}
${table(['fetch', 'to the floor', 'requests to the collector', 'bytes sent'], (agent) => [
  milliseconds(of('sparse', agent, 'fetch')),
  times(ratio('sparse', agent, 'floor', 'fetch')),
  number(plain('sparse', agent, 'sent')),
  number(plain('sparse', agent, 'bytes')),
])}
A request to the collector takes the page's thread about a millisecond, by \`fetch\` or \`sendBeacon\`, whatever it carries: how often
an agent sends is most of what it costs. Ours do so five seconds after the first span that waits (\`flushInterval\`), as OpenTelemetry's, or
when the page is hidden; Elastic's after half a second, the floor after one. \`headwater/full\` also leaves what waits with the browser
each second, should the page crash. Sentry's requests are a transaction each, and Datadog records none of these. **Worse than others:** \`headwater/full\`, for that, than
New Relic's.
`)
  }

  if (has('spans') || has('clicks') || has('resources')) {
    parts.push(`## Spans, clicks, resources

In µs. A span of the page's own has five attributes, and is measured as requests are. A click is a real one, on a button that makes one request;
a resource is one of 200 images of a page that is loading, above the same page without them. Those two are the time
in the agent's functions and what they call, by the browser's profiler, without what the browser does because of them.

${table(['span', 'to the floor', 'bytes sent', 'click with a request', 'resource'], (agent) => [
  spread(of('spans', agent, 'span')),
  times(ratio('spans', agent, 'floor', 'span')),
  number(plain('spans', agent, 'bytes')),
  spread(plain('clicks', agent, 'click')),
  spread(plain('resources', agent, 'resource')),
])}
The last column is the difference between two page loads, and as noisy as they are: its quartiles say what it is worth.

**Worse than others:** a span of the page's own costs more than OpenTelemetry's, and with \`headwater/elastic\` about as much as
Elastic's. It goes into the module as text, is encoded at once, and each 45 or 64 KiB of them are sent; theirs are objects until
they are sent, all at once here. Elastic's are compressed, too, on the page's thread.
`)
  }

  if (has('heap')) {
    parts.push(`## Memory

"Allocated" is what a request puts on the JavaScript heap in bytes, most of it garbage at once, above the page's own. "At rest" is what the
agent keeps after its start, in kB; "Wasm" the linear memory beside it.

${plot('heap', 'JavaScript heap allocated per fetch', 'B', (agent) => of('heap', agent, 'fetch'))}
${table(['allocated, fetch', 'to the floor', 'allocated, XHR', 'at rest', 'Wasm'], (agent) => [
  spread(of('heap', agent, 'fetch')),
  times(ratio('heap', agent, 'floor', 'fetch')),
  spread(of('heap', agent, 'xhr')),
  kilobytes(of('heap', agent, 'idle')),
  kilobytes(plain('heap', agent, 'wasm')),
])}
**Worse than others:** at rest, ours hold their module twice, as text in the script and compiled. The module's memory grows with what waits and what is under way: where the collector does not answer and there is no storage, 1 MiB may
wait. What is sent is given back to the module, but WebAssembly cannot give memory back to the browser.
`)
  }

  if (has('growth')) {
    const those = agents.filter(({ name }) => samples.values('growth', name, 'heap0').length)
    const line = ({ name, title, kind }: Agent) => ({
      label: title,
      kind,
      points: STEPS.map((step): [number, number] => {
        const value = (what: string, at: number) =>
          samples.summary('growth', name, `${what}${at}`)?.median ?? 0
        return [
          step * 1_000,
          (value('heap', step) - value('heap', 0) + value('wasm', step) - value('wasm', 0)) / 1000,
        ]
      }),
    })
    plots.push([
      'growth',
      curves('Heap and Wasm memory in use, above the start, over 10,000 requests', 'kB', those.map(line)),
    ])
    parts.push(`### Over an hour's worth

10,000 requests by \`fetch\` in ten portions, each sent, then garbage is collected: kB in use above the start. A page without an
agent grows, too.

![Memory over 10,000 requests](performance/growth.svg)

${table(
  ['heap after 1,000', '5,000', '10,000', 'Wasm after 10,000'],
  (agent) => [
    ...[1, 5, 10].map((step) =>
      kilobytes(
        one(
          (plain('growth', agent, `heap${step}`)?.median ?? 0) -
            (plain('growth', agent, 'heap0')?.median ?? 0),
        ),
      ),
    ),
    kilobytes(plain('growth', agent, 'wasm10')),
  ],
  there.filter(({ name }) => samples.values('growth', name, 'heap0').length),
)}`)
  }

  if (has('scaling')) {
    const sections = DIMENSIONS.map(({ name, title, text }) => {
      const those = agents.filter((agent) => of('scaling', agent, `${name}@10`))
      plots.push([
        `scaling-${name}`,
        curves(
          title,
          'µs',
          those.map((agent) => ({
            label: agent.title,
            kind: agent.kind,
            points: MANY.flatMap((many): [number, number][] => {
              const value = of('scaling', agent, `${name}@${many}`)?.median
              return value === undefined ? [] : [[many, Math.max(value, 0.1)]]
            }),
          })),
          true,
        ),
      ])
      return `### ${title}

${text}

![${title}](performance/scaling-${name}.svg)

${table(
  MANY.map((many) => many.toLocaleString('en')),
  (agent) => MANY.map((many) => number(of('scaling', agent, `${name}@${many}`))),
  those,
)}`
    })
    parts.push(`## As things become more

µs of the main thread for each, above those of a page without an agent that does the same. What is flat costs the same however many there are.
Others than ours are tried with fewer, as they take long, and so is \`headwater\`, which records 20,000 spans a minute at most: its code is
that of \`headwater/full\`.

${sections.join('\n')}`)
  }

  if (has('demo-4x')) {
    parts.push(`## What a visitor notices

The demo's shop with each agent in the place of ours, at 4x: Largest Contentful Paint, the longest of five clicks (Event Timing, which
has steps of 8 ms), and what the main thread does until then, in ms.

${table(
  ['LCP', 'longest interaction', 'main thread'],
  (agent) => [
    spread(plain('demo-4x', agent, 'lcp')),
    spread(plain('demo-4x', agent, 'inp')),
    spread(thousandth(plain('demo-4x', agent, 'busy'))),
  ],
  there,
)}`)
  }

  parts.push(MATTERED)

  const rounds = BENCHMARKS.filter(({ name }) => has(name)).map(({ name }) => {
    const count = new Set(samples.all.filter(({ benchmark }) => benchmark === name).map(({ round }) => round))
      .size
    const { [name]: commit = conditions.commit } = commits
    return `${name} ${count}${commit === conditions.commit ? '' : ` (${commit})`}`
  })
  const page = `# Performance: what agents cost

${INTRODUCTION}
${parts.join('\n')}
## How it is measured

${METHOD}
* Measured on ${conditions.date} from commit ${conditions.commit}, in ${Math.round(seconds / 60)} minutes. Rounds, with the commit if it is another one: ${rounds.join(', ')}.
* ${conditions.machine}. Chromium ${conditions.chromium}, headless; Node ${conditions.node}.
* ${versions(agents).join(', ')}.
${failures.length ? `* Did not work: ${failures.join(', ')}.\n` : ''}`
  return { page: page.replace(/\n{3,}/g, '\n\n'), plots }
}

const INTRODUCTION = `Ours and other agents from npm, side by side, in one run and one browser; \`npm run bench\` writes this page. Each has its
documented default configuration, with tracing of \`fetch\` and XHR to the page's own origin; limits of events per minute are lifted.
They do not record the same: ["Recorded"](#requests) says whether they record at all, and
[transparency.md](transparency.md) and [delivery.md](delivery.md) how well.

The **floor** is [a tracer of 100 lines](../tests/bench/floor.ts), written by hand, that does the least that can be called one: random ids, a
header, an object for each request, \`JSON.stringify\`. Nobody should use it; nothing that traces can cost much less.

Numbers are medians with quartiles in brackets; without those, of one visit, which says little on a busy machine. "4x" and "6x" are Chromium's throttling of the processor, for phones.
`

/** As it was measured when it was done: the commits say how. */
const MATTERED = `## What mattered

| | before | after |
|---|---:|---:|
| the module is compiled with the first request, not with \`init\`: cold start, of Elastic’s (\`headwater\`, elastic, full) | 2.0, 3.4, 4.1 × | 0.61, 1.14, 1.14 × |
| Chromium compiles the script-tag files while it loads them, and \`init\` asks the browser for less: cold start (the same) | 2.28, 3.59, 4.07 ms | 1.06, 1.40, 1.86 ms |
| what observes begins behind the first paint, and \`init\` asks the browser for less again: cold start, in turns (elastic, full) | 1.53, 1.98 ms | 1.44, 1.69 ms |
| behind the load event the module is decoded, compiled and used in a task each, and not in one: the longest of them (\`headwater\`, elastic, full), and at 4x | 5.7, 9.3, 10.1 ms; 32, 43, 58 ms | 2.2, 2.9, 3.6 ms; 17, 19, 23 ms |
| storage is asked for a cursor only if it has something: the main thread until idle, above a page without an agent (\`headwater\`) | 10.7 ms | 9.0 ms |
| the module's code is taken apart into 16 streams of what is alike, and not 13: the script-tag files | 18,979, 41,373, 50,070 B | 18,906, 41,091, 49,670 B |
| no \`char\` is encoded, UTF-8 is checked a byte at a time, and lists of texts are one text each: the script-tag files | 18,907, 41,151, 49,767 B | 18,740, 40,859, 49,325 B |
| \`storage\` is not listened for before the session is read: \`init\` waits for the disk | 0.7 to 75 ms | 0 |
| five seconds between sendings, and not half a second: a \`fetch\` each 1.5 s (\`headwater\`), main thread and bytes sent | 2.1 ms, 705 B | 1.1 ms, 411 B |
| an answer of the collector does not send what has come meanwhile: requests for 7,000 spans | 291 | 31 |
| requests go out at 45 KiB, 64 if compressed, and not at 30: those for 2,000 by \`fetch\` (\`headwater\`, elastic, full) | 17, 26, 20 | 12, 13, 14 |
| gzip has a table for its checksum, and remembers only where repetitions begin: 100 of Elastic’s spans, native code | 448 µs, 11,463 B | 170 µs, 8,736 B |
| what finds no room among requests under way is not compressed again (\`headwater/elastic\`): a \`fetch\`, 10, 100 and 1,000 at once | 29, 28, 42 µs | 47, 36, 34 µs |
| a path that no parser changes needs no \`URL\`: a \`fetch\`, warm | 8.3 µs | 6.1 µs |
| Elastic’s spans are read once: 100 of them, native code | 3,206,388 instructions | 2,219,530 |
| the same with gzip: a \`fetch\` with \`headwater/elastic\`, warm | 32 µs | 24.6 µs |

Tried and left out, as no browser showed a difference: room for attributes ahead (33,877 to 24,072 instructions and 41 to 17 allocations
for a request in native code; 50 bytes), and compiling on another thread or when idle. Attributes that repeat are not encoded once for many: a request's seven take 5,788 of those instructions, and OTLP
has no dictionary.
`

const METHOD = `* Each number is from a page of its own in a browser profile of its own; agents take turns, each round begins with another one.
* Times are those in which the main thread was running tasks (\`TaskDuration\` of Chromium's \`Performance.getMetrics\`, in
  \`threadTicks\`), so that other programs of the machine count little. What an agent does in a worker, or has the browser do, does
  not count. Starts are from a trace: the evaluation of the agent's script.
* Requests: \`fetch\` and \`XMLHttpRequest\` are replaced ahead of the agent by ones that answer in the page, 2 ms later, in another
  task; ten are under way at once, and their bodies are read. 500 are measured after 300 that are not. Datadog records
  requests from entries of resource timing, which there are none of then: see [with a real server](#with-a-real-server).
* Then the agent sends: by its own method, else because the page seems to be hidden, else by itself. A collector on another
  origin answers 200 to all.
* Sentry records requests within a transaction only: here one for 500 of them.
* New Relic's is bundled as modules, as it loads most of itself later; all others are one script.
* Heap: V8's sampling profiler with what has been collected; what is in use is read after collecting garbage.
`

const MANY = [10, 100, 1_000, 10_000, 100_000] as const

const DIMENSIONS = [
  {
    name: 'inFlight',
    title: 'Requests in flight',
    text: 'For each request by `fetch`, when so many are under way at once.',
  },
  {
    name: 'origins',
    title: 'Distinct origins',
    text: 'For each request by `fetch`, when they go to so many origins in turn, 100 at once.',
  },
  {
    name: 'queued',
    title: 'Queue length',
    text: 'For each span of the page’s own, when so many end in one task, and nothing can be sent in between.',
  },
  {
    name: 'attributes',
    title: 'Attributes',
    text: 'For each attribute of a span that has so many. (OpenTelemetry keeps 128 of them.)',
  },
] as const

const STEPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

const one = (value: number): Summary => ({ median: value, low: value, high: value, count: 1 })
const strong = ({ kind }: Agent, text: string) => (kind === 'ours' ? `**${text}**` : text)
const thousandth = (value: Summary | undefined) =>
  value && { ...value, median: value.median / 1000, low: value.low / 1000, high: value.high / 1000 }

/** A median, with quartiles if there is more than one value. */
function spread(value: Summary | undefined): string {
  if (!value) return '–'
  const { median, low, high, count } = value
  return count > 1 ? `${short(median)} (${short(low)}–${short(high)})` : short(median)
}

const number = (value: Summary | undefined) => (value ? short(value.median) : '–')
const milliseconds = (value: Summary | undefined) => withUnit(spread(thousandth(value)), 'ms')
const kilobytes = (value: Summary | undefined) => number(thousandth(value))
const times = (value: Summary | undefined) => withUnit(spread(value), '×')

function withUnit(text: string, unit: string): string {
  return text === '–' ? text : text.replace(/^\S+/, `$& ${unit}`)
}

function recorded(...values: (Summary | undefined)[]): string {
  return values.map((value) => (value ? `${Math.round(value.median * 100)} %` : '–')).join(', ')
}
