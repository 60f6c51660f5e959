import superagent from 'superagent'

import { origins, outcome, SHORT, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const origin of origins(servers)) {
    saw.push(((await superagent.get(`${origin}/reply`).query({ a: 1 })).body as unknown) ?? null)
    const posted = await superagent
      .post(`${origin}/reply`)
      .set('X-Own', 'set')
      .use((request) => {
        void request.on('response', ({ status }: { status: number }) => saw.push(['on', status]))
      })
      .send({ amount: 1 })
    saw.push(posted.body)
    saw.push((await superagent.put(`${origin}/reply`).type('form').send({ a: '1' })).body)
    saw.push((await superagent.get(`${origin}/flaky`).retry(1)).text)
    saw.push(await outcome(() => superagent.get(`${origin}/missing`)))
  }
  saw.push(await outcome(() => superagent.get('/never?timeout').timeout(SHORT)))
  const pending = superagent.get('/never?abort')
  const aborted = new Promise((resolve) => {
    void pending.on('abort', () => resolve('aborted'))
  })
  pending.then(
    () => saw.push('never'),
    () => saw.push('rejected'),
  )
  setTimeout(() => void pending.abort(), SHORT)
  saw.push(await aborted)
  saw.push(await outcome(() => superagent.get('/broken')))
  return saw
}
