/** What our agent has recorded arrives, and arrives once, however pages end and collectors fail. */
import { SCENARIOS } from '../delivery/scenarios.js'
import { play } from '../delivery/play.js'
import { expect, test } from '../delivery/test.js'

for (const scenario of SCENARIOS) {
  test(`${scenario.id}: ${scenario.title}`, async ({ world }) => {
    test.setTimeout(90_000)
    const { created, lost, twice } = await play(world, 'headwater', scenario)
    expect(created).toBeGreaterThan(0)
    expect(twice, 'spans that came again').toBe(0)
    if (!scenario.refused) expect(lost, `spans lost, of ${created}`).toBe(0)
  })
}
