/** What is measured: each benchmark is one visit of one page with one agent. */
import { NONE, type Agent } from './agents.js'
import { delivered, type Lab, type TraceEvent, type Visit } from './lab.js'
import { observeVitals, readVitals, type Work } from './page.js'

export interface Benchmark {
  name: string
  /** How many times slower the processor is. */
  throttle: number
  /** Visits of each agent, in a full run. */
  rounds: number
  run(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>>
  /** Those that it is about, if not all. */
  agents?: (agent: Agent) => boolean
}

export const BENCHMARKS: readonly Benchmark[] = [
  ...[1, 4, 6].map((throttle): Benchmark => ({
    name: `start-${throttle}x`,
    throttle,
    rounds: throttle === 1 ? 3 : 2,
    run: (lab, agent) => start(lab, agent, throttle),
  })),
  { name: 'requests-1x', throttle: 1, rounds: 4, run: (...given) => requests(...given, true, 1) },
  { name: 'requests-4x', throttle: 4, rounds: 2, run: (...given) => requests(...given, true, 4) },
  { name: 'network-1x', throttle: 1, rounds: 2, run: (...given) => requests(...given, false, 1) },
  { name: 'sparse', throttle: 1, rounds: 2, run: sparse },
  { name: 'spans', throttle: 1, rounds: 2, run: spans, agents: ({ spans: has }) => has },
  { name: 'clicks', throttle: 1, rounds: 2, run: clicks },
  { name: 'resources', throttle: 1, rounds: 2, run: resources },
  { name: 'heap', throttle: 1, rounds: 2, run: heap },
  { name: 'growth', throttle: 1, rounds: 1, run: growth },
  { name: 'scaling', throttle: 1, rounds: 1, run: scaling, agents: ({ scales }) => scales > 0 },
  { name: 'demo-4x', throttle: 4, rounds: 3, run: shop },
]

/** From the navigation until the page is idle: in a new profile, and when the browser has kept what it has compiled. */
async function start(lab: Lab, agent: Agent, throttle: number): Promise<Record<string, number>> {
  const visit = await lab.visit({ throttle })
  try {
    const url = await lab.address(agent)
    const cold = await load(lab, visit, agent, url)
    // Chromium compiles for its cache at the second visit.
    await load(lab, visit, agent, url)
    const warm = await load(lab, visit, agent, url)
    lab.taken()
    return {
      cold: cold.start,
      coldAll: cold.all,
      coldLong: cold.long,
      coldLongest: cold.longest,
      warm: warm.start,
      warmAll: warm.all,
    }
  } finally {
    await visit.close()
  }
}

async function load(lab: Lab, { page }: Visit, { name }: Agent, url: string) {
  await lab.trace(page, ['devtools.timeline', 'v8', 'toplevel'])
  await page.goto(url)
  await page.waitForFunction('globalThis.bench')
  await page.waitForTimeout(400)
  const events = await lab.stopTrace()
  const file = `/agents/${name}/`
  // The browser evaluates a script within a task; the agent's is found by its address.
  const own = events.filter((event) => ADDRESS.has(event.name) && addressOf(event).includes(file))
  const [first] = own
  if (!first) throw new Error(`${name} has not started`)
  const tasks = events.filter(
    ({ name, pid, tid }) => name.endsWith('RunTask') && pid === first.pid && tid === first.tid,
  )
  return {
    start: sum(own.map(running)),
    all: sum(tasks.map(running)),
    long: tasks.filter((task) => running(task) > 50_000).length,
    longest: Math.max(...tasks.map(running)),
  }
}

/** Of scripts, the second and third of modules. */
const ADDRESS = new Set(['EvaluateScript', 'v8.compileModule', 'v8.evaluateModule'])

function addressOf({ args }: TraceEvent): string {
  return args?.data?.url ?? args?.fileName ?? args?.data?.fileName ?? ''
}

/** Microseconds; those of the clock where the browser does not say those of the thread. */
const running = ({ tdur, dur = 0 }: TraceEvent) => tdur ?? dur
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/**
 * Requests through `fetch`, then through XHR: the main thread's time until all has been sent. The first 20 go out when nothing
 * has been compiled for speed; then come some that do not count, and then those that do.
 */
async function requests(
  lab: Lab,
  agent: Agent,
  scale: number,
  stub: boolean,
  throttle: number,
): Promise<Record<string, number>> {
  const visit = await lab.settled(agent, { stub, throttle })
  const values: Record<string, number> = {}
  try {
    for (const kind of ['fetch', 'xhr'] as const) {
      const count = Math.round(500 * scale)
      if (kind === 'fetch') {
        const first = await measure(lab, visit, agent, { kind, count: 20, first: 800_000 })
        values['first'] = first.busy
      }
      await visit.work({ kind, count: 300, first: 900_000 })
      await visit.page.waitForTimeout(400)
      await visit.flush(agent)
      lab.taken()
      const all = await measure(lab, visit, agent, { kind, count, first: 0 })
      values[kind] = all.busy
      values[`${kind}Flush`] = all.flush
      values[`${kind}Bytes`] = all.bytes
      values[`${kind}Recorded`] = all.recorded
      mustRecord(agent, kind, all.recorded, `its requests by ${kind}`)
    }
  } finally {
    await visit.close()
  }
  return values
}

/** Microseconds of the main thread and bytes on the wire, for each of them. */
async function measure(lab: Lab, visit: Visit, agent: Agent, job: Work) {
  const before = await visit.busy()
  await visit.work(job)
  // OpenTelemetry ends the span of a `fetch` 300 ms after its response.
  await visit.page.waitForTimeout(400)
  const between = await visit.busy()
  await visit.flush(agent)
  const after = await visit.busy()
  const { bytes, items } = delivered(lab.taken())
  const each = (value: number) => value / job.count
  return {
    busy: each(after - before),
    flush: each(after - between),
    bytes: each(bytes),
    recorded: each(items),
  }
}

/**
 * Fails if an agent has not recorded what it is measured with: who records nothing costs nothing. Datadog's records requests from
 * the browser's entries, which there are none of here.
 *
 * @param least - the share that is enough.
 */
function mustRecord(
  { name, kind }: Agent,
  what: Work['kind'],
  share: number,
  text: string,
  least = 0.5,
): void {
  if (kind === 'none' || (name === 'datadog' && what !== 'span') || share >= least) return
  throw new Error(`${name} has recorded ${share} of ${text}`)
}

/** One request every now and then, as most pages make them: what an agent sends then is not shared by many. */
async function sparse(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const visit = await lab.settled(agent, { stub: true })
  try {
    const request = async (count: number, first: number) => {
      for (let index = first; index < first + count; index += 1) {
        await visit.work({ kind: 'fetch', count: 1, first: index })
        await visit.page.waitForTimeout(1_500)
      }
      await visit.flush(agent)
    }
    await request(2, 900_000)
    lab.taken()
    const count = Math.max(Math.round(10 * scale), 2)
    const before = await visit.busy()
    await request(count, 0)
    const after = await visit.busy()
    const { sent, bytes, items } = delivered(lab.taken())
    mustRecord(agent, 'fetch', items / count, 'its requests', 1)
    return { fetch: (after - before) / count, sent: sent / count, bytes: bytes / count }
  } finally {
    await visit.close()
  }
}

/** Spans of the page's own, with five attributes each. */
async function spans(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const visit = await lab.settled(agent, { stub: true })
  try {
    await visit.work({ kind: 'span', count: 300, first: 900_000, attributes: 5 })
    await visit.flush(agent)
    lab.taken()
    const count = Math.round(500 * scale)
    const { busy, bytes, recorded } = await measure(lab, visit, agent, {
      ...{ kind: 'span', count, first: 0, attributes: 5 },
    })
    mustRecord(agent, 'span', recorded, 'the spans')
    return { span: busy, bytes, recorded }
  } finally {
    await visit.close()
  }
}

/** Clicks on a button, each of which leads to a request: the agent's time by the profiler, as a click makes much other work. */
async function clicks(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const button = `<button id="button" onclick="fetch('/bench/item/' + (count += 1) + '.json'); setTimeout(answer, 2)">0</button>
<script>count = 0</script>`
  const visit = await lab.settled(agent, { stub: true, body: button })
  try {
    const count = Math.round(20 * scale)
    const click = async (times: number) => {
      for (let index = 0; index < times; index += 1) {
        await visit.page.click('#button')
        await visit.page.waitForTimeout(150)
      }
      await visit.page.waitForTimeout(1_200)
      await visit.flush(agent)
    }
    await click(3)
    const time = await visit.agentsTime(() => click(count))
    lab.taken()
    return { click: time / count }
  } finally {
    await visit.close()
  }
}

/** Images of a page that is loading: the agent's time by the profiler above that of a page without them. */
async function resources(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const count = Math.round(200 * scale)
  const images = Array.from({ length: count }, (_, index) => `<img src="/pixel.svg?${index}" alt="">`).join(
    '',
  )
  const times = []
  for (const body of ['', images]) {
    const visit = await lab.visit()
    try {
      // The profiler has to be there before the page.
      await visit.page.goto(await lab.address(NONE))
      const url = await lab.address(agent, { stub: true, body })
      times.push(
        await visit.agentsTime(async () => {
          await visit.page.goto(url)
          await visit.page.waitForFunction('globalThis.bench')
          await visit.page.waitForTimeout(1_500)
          await visit.flush(agent)
        }),
      )
    } finally {
      await visit.close()
    }
    lab.taken()
  }
  const [without = 0, withThem = 0] = times
  return { load: without, resource: (withThem - without) / count }
}

/** How the cost of one changes as they become more, in one page; `<what>@<how many>`. */
async function scaling(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const values: Record<string, number> = {}
  const visit = await lab.settled(agent, { stub: true })
  try {
    const hasSpans = agent.spans || agent.kind === 'none'
    for (const kind of hasSpans ? (['fetch', 'span'] as const) : (['fetch'] as const))
      await visit.work({ kind, count: 300, first: 900_000 })
    await visit.page.waitForTimeout(400)
    await visit.flush(agent)
    lab.taken()
    for (const many of [10, 100, 1_000, 10_000, 100_000]) {
      if (many > agent.scales * scale) break
      const count = Math.max(many, 500)
      const jobs: Record<string, Work> = {
        inFlight: { kind: 'fetch', count, first: 0, together: many },
        origins: { kind: 'fetch', count, first: 0, together: 100, origins: many },
      }
      if (hasSpans) {
        jobs['queued'] = { kind: 'span', count, first: 0, together: many }
        // All attributes of one span.
        if (many <= 10_000) jobs['attributes'] = { kind: 'span', count: 20, first: 0, attributes: many }
      }
      for (const [name, job] of Object.entries(jobs)) {
        const { busy, recorded } = await measure(lab, visit, agent, job)
        if (many <= 1_000) mustRecord(agent, job.kind, recorded, `${name} ${many}`)
        values[`${name}@${many}`] = name === 'attributes' ? busy / many : busy
      }
    }
    return values
  } finally {
    await visit.close()
  }
}

/** The demo's shop with the agent in the place of ours: what a visitor notices. */
async function shop(lab: Lab, agent: Agent): Promise<Record<string, number>> {
  const visit = await lab.visit({ throttle: 4 })
  const { page } = visit
  try {
    const script = await lab.shopScript(agent)
    await page.route('**/headwater.min.js', (route) =>
      route.fulfill({ contentType: 'text/javascript; charset=utf-8', body: script }),
    )
    await page.goto(`${await lab.shop()}/`)
    await page.waitForTimeout(500)
    await page.evaluate(observeVitals)
    for (let index = 0; index < 5; index += 1) {
      await page.click('h1')
      await page.waitForTimeout(100)
    }
    const vitals = await page.evaluate(readVitals)
    const busy = await visit.busy()
    lab.taken()
    return { ...vitals, busy }
  } finally {
    await visit.close()
  }
}

/** Bytes that are allocated on the JavaScript heap, whatever becomes of them, and those that the agent keeps. */
async function heap(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const visit = await lab.settled(agent, { stub: true })
  try {
    const values: Record<string, number> = { idle: await visit.heap(), wasm: await wasmMemory(visit) }
    for (const kind of ['fetch', 'xhr'] as const) {
      const count = Math.round(300 * scale)
      await visit.work({ kind, count: 100, first: 900_000 })
      await visit.page.waitForTimeout(400)
      await visit.flush(agent)
      await visit.cdp.send('HeapProfiler.startSampling', {
        samplingInterval: 2_048,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      })
      await visit.work({ kind, count, first: 0 })
      await visit.page.waitForTimeout(400)
      await visit.flush(agent)
      const { profile } = await visit.cdp.send('HeapProfiler.stopSampling')
      values[kind] = sum(profile.samples.map(({ size }) => size)) / count
    }
    lab.taken()
    return values
  } finally {
    await visit.close()
  }
}

/** Bytes of all of the page's WebAssembly memories. */
async function wasmMemory({ cdp }: Visit): Promise<number> {
  const { result } = await cdp.send('Runtime.evaluate', { expression: 'WebAssembly.Memory.prototype' })
  const { objectId = '' } = result
  const { objects } = await cdp.send('Runtime.queryObjects', { prototypeObjectId: objectId })
  const { result: bytes } = await cdp.send('Runtime.callFunctionOn', {
    objectId: objects.objectId ?? '',
    functionDeclaration:
      'function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) }',
    returnByValue: true,
  })
  return Number(bytes.value)
}

/** As many requests as a busy page makes in an hour, in ten portions; what is in use after each, without garbage. */
async function growth(lab: Lab, agent: Agent, scale: number): Promise<Record<string, number>> {
  const visit = await lab.settled(agent, { stub: true })
  try {
    const portion = Math.round(1_000 * scale)
    const values: Record<string, number> = { heap0: await visit.heap(), wasm0: await wasmMemory(visit) }
    for (let step = 1; step <= 10; step += 1) {
      await visit.work({ kind: 'fetch', count: portion, first: step * portion, together: 50 })
      await visit.page.waitForTimeout(400)
      await visit.flush(agent)
      values[`heap${step}`] = await visit.heap()
      values[`wasm${step}`] = await wasmMemory(visit)
      lab.taken()
    }
    return values
  } finally {
    await visit.close()
  }
}
