/** The collector's viewer shows the trace of a page load; this is also the picture in the README. */
import path from 'node:path'

import { root } from '../support/demo.js'
import { has, type Span } from '../support/spans.js'
import { agentScript, expect, test } from '../support/test.js'

test('somebody opens the trace of the page that they are on', async ({ page, demo }) => {
  await page.goto(`${demo.shop}/product/3`)
  await expect(page.locator('#reviews')).toHaveAttribute('aria-busy', 'false')
  await expect(page.locator('#recommendations')).toHaveAttribute('aria-busy', 'false')
  const traceId = (await page.locator('footer code').textContent()) ?? ''
  const services = ['shop-web', 'shop-server', 'shop-api']
  const spans = await demo.trace(traceId, (all) => {
    const requests = all.filter(({ name, service }) => name === 'GET' && service === 'shop-web')
    const arrived = services.every((service) => all.some((span) => span.service === service))
    return arrived && requests.length >= 2 && has(all, 'shop-web', 'documentLoad')
  })

  await page.getByRole('link', { name: 'See the trace of this page load' }).click()
  await expect(page).toHaveURL(`${demo.collector}/#/trace/${traceId}`)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('GET /product/{id}')
  const view = page.getByRole('region', { name: 'Trace' })
  const legend = view.getByRole('list', { name: 'Services' })
  for (const service of services) await expect(legend.getByText(service)).toBeVisible()
  for (const name of ['documentLoad', 'documentFetch', 'GET /product/{id}', 'GET /reviews/{product}']) {
    await expect(
      page.locator('.span-row', { has: page.getByText(name, { exact: true }) }).first(),
    ).toBeVisible()
  }
  await expect(view.getByText(`${spans.length} spans`)).toBeVisible()
  await expect(view.getByText('no errors')).toBeVisible()

  // `npm test` asks for the README's picture; every other run leaves the file alone.
  if (process.env['HEADWATER_SCREENSHOTS'] === '1') {
    await page.mouse.move(0, 0)
    await page.screenshot({ path: path.join(root, 'docs/waterfall.png'), animations: 'disabled' })
  }

  await page.locator('.span-row', { hasText: 'GET /reviews/{product}' }).first().click()
  const details = page.getByRole('complementary', { name: 'Span details' })
  await expect(details.getByRole('heading', { level: 2 })).toHaveText('GET /reviews/{product}')
  await expect(details.getByText('/reviews/3', { exact: true })).toBeVisible()
})

test('a click, the route that it leads to, and what fails on the way, in one trace', async ({
  page,
  open,
  demo,
}) => {
  const shop = await open({
    head: agentScript(
      { serviceName: '{service}', serverUrl: demo.collector, flushInterval: 20, routes: ['/products/:id'] },
      'headwater.full.min.js',
    ),
    body: `<button name="details">Details</button><script>
      document.querySelector('button').addEventListener('click', async () => {
        history.pushState(null, '', '/products/42')
        await fetch('/echo?product=42')
        performance.measure('sort reviews', { start: performance.now(), duration: 70 })
        await Promise.all([fetch('/echo?reviews=42'), fetch('/status/503')])
      })
    </script>`,
  })
  await shop.page.locator('button').click()
  const isRoute = ({ name }: Span) => name === '/products/:id'
  const spans = await shop.spans((all) => all.some(isRoute))
  const route = spans.find(isRoute)
  await page.goto(`${demo.collector}/#/trace/${route?.traceId ?? ''}`)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('/products/:id')
  const view = page.getByRole('region', { name: 'Trace' })
  for (const name of ['/products/:id', 'sort reviews'])
    await expect(
      page.locator('.span-row', { has: page.getByText(name, { exact: true }) }).first(),
    ).toBeVisible()
  await expect(view.getByText('1 error', { exact: true })).toBeVisible()
  if (process.env['HEADWATER_SCREENSHOTS'] === '1') {
    await page.mouse.move(0, 0)
    await page.screenshot({ path: path.join(root, 'docs/route.png'), animations: 'disabled' })
  }
})

test('a trace appears in the list while it happens, and opens from there', async ({
  page,
  context,
  demo,
}) => {
  await page.goto(demo.collector)
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  const shop = await context.newPage()
  await shop.goto(`${demo.shop}/trouble`)
  const traceId = (await shop.locator('footer code').textContent()) ?? ''
  await shop.locator('[data-trouble="error-404"]').click()

  await page.bringToFront()
  const row = page.locator(`[data-trace-id="${traceId}"]`)
  await expect(row.getByText('documentLoad')).toBeVisible()
  await row.click()
  await expect(page).toHaveURL(`${demo.collector}/#/trace/${traceId}`)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('documentLoad')
  await page.keyboard.press('Escape')
  await expect(page).toHaveURL(`${demo.collector}/#/`)
})
