/** What the page says of itself and of its visitor, while the agent runs and before. */
import { intakeOf } from '../support/intake.js'
import { source } from '../support/source.js'
import { postsOf, type Stage } from '../support/stage.js'
import { expect, test, type Visit } from '../support/test.js'

const NEVER = 3_600_000

const page = (stage: Stage, file: string, before: string, options: object = {}) => ({
  head: `<script src="/${file}"></script><script>
    const { apm } = headwater
    ${before}
    initApm(${source({ serviceName: '{service}', serverUrl: stage.origin, flushInterval: NEVER, ...options })})
  </script>`,
})

/** The attributes of the resource of each request, and the names of its spans. */
async function sent(
  { page, service }: Visit,
  stage: Stage,
): Promise<{ resource: Attributes; names: string[] }[]> {
  await page.evaluate(() => headwater.apm.flush())
  return postsOf(stage, '/v1/traces', service)
    .flatMap(({ body }) => (JSON.parse(body.toString()) as Request).resourceSpans)
    .map(({ resource, scopeSpans }) => ({
      resource: resource.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
      names: scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
    }))
}

type Attributes = unknown[][]
interface Request {
  resourceSpans: {
    resource: { attributes: { key: string; value: Record<string, unknown> }[] }
    scopeSpans: { spans: { name: string }[] }[]
  }[]
}

test('labels and the visitor are on all that is sent from then on, once each', async ({ open, stage }) => {
  const before = `
    apm.addLabels({ team: 'river', 'team.size': 3, big: true, none: null, list: [1, 2] })
    apm.setUserContext({ id: 7, username: 'ann', email: 5 })
    apm.setInitialPageLoadName('/p/:id')`
  const options = { protocol: 'http/json', resourceAttributes: { team: 'lake' } }
  const visit = await open(page(stage, 'headwater.full.min.js', before, options))
  const [first] = await sent(visit, stage)
  expect(first?.names).toContain('/p/:id')
  const ofOurs = (attributes: Attributes = []) =>
    attributes.filter(([key]) => /^(team|big|list|none|user\.)/.test(String(key)))
  expect(ofOurs(first?.resource)).toEqual([
    ['team', 'river'],
    ['team.size', '3'],
    ['big', true],
    ['list', '1,2'],
    ['user.id', '7'],
    ['user.name', 'ann'],
  ])
  await visit.page.evaluate(async () => {
    const { apm } = headwater as unknown as { apm: Record<string, (what: unknown) => void> }
    apm['addLabels']?.({ team: 'sea' })
    apm['setUserContext']?.({ email: 'ann@shop.example' })
    for (const bad of [
      null,
      undefined,
      5,
      {
        get id() {
          throw new Error('mine')
        },
      },
    ]) {
      apm['addLabels']?.(bad)
      apm['setUserContext']?.(bad)
      apm['setInitialPageLoadName']?.(bad)
    }
    await fetch('/echo')
  })
  const last = (await sent(visit, stage)).pop()
  expect(last?.names).toEqual(['GET'])
  expect(ofOurs(last?.resource)).toEqual([
    ['team.size', '3'],
    ['big', true],
    ['list', '1,2'],
    ['user.id', '7'],
    ['user.name', 'ann'],
    ['team', 'sea'],
    ['user.email', 'ann@shop.example'],
  ])
  expect(visit.errors).toEqual([])
  expect(visit.console).toEqual([])
})

test('a name is given while the page loads', async ({ open, stage }) => {
  const options = { protocol: 'http/json', pageLoadTransactionName: 'configured' }
  const visit = await open({
    ...page(stage, 'headwater.full.min.js', `apm.setInitialPageLoadName('early')`, options),
    body: `<script>apm.setInitialPageLoadName('late')</script>`,
  })
  expect((await sent(visit, stage)).flatMap(({ names }) => names)).toContain('late')
})

test('headwater/elastic: they are in the metadata', async ({ open, stage }) => {
  const before = `
    apm.addLabels({ 'team.name': 'river' })
    apm.setUserContext({ id: 'u-7', username: 'ann', email: 'ann@shop.example' })`
  const visit = await open(page(stage, 'headwater.elastic.min.js', before))
  await visit.page.evaluate(() => headwater.apm.flush())
  const [metadata] = intakeOf(stage, visit.service)
  expect(metadata).toMatchObject([
    'metadata',
    {
      labels: { team_name: 'river' },
      user: { id: 'u-7', username: 'ann', email: 'ann@shop.example' },
    },
  ])
})
