import { gql, GraphQLClient } from 'graphql-request'

import { origins, outcome, SHORT, type Servers } from './common.js'
import { MUTATION, QUERY } from './graphql-queries.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const origin of origins(servers)) {
    const client = new GraphQLClient(`${origin}/graphql`, {
      headers: { 'x-own': 'client' },
      requestMiddleware: (request) => {
        saw.push(['request', request.operationName])
        return request
      },
      responseMiddleware: (response) => void saw.push(['response', response instanceof Error]),
    })
    saw.push(await client.request(QUERY, { id: '7' }))
    saw.push(await client.request(MUTATION, { name: 'Sock' }, { 'x-own': 'request' }))
    saw.push(await client.batchRequests([{ document: QUERY, variables: { id: '1' } }]))
    saw.push(
      await outcome(() =>
        client.request(gql`
          query Wrong {
            nothing
          }
        `),
      ),
    )
  }
  const get = new GraphQLClient(`${location.origin}/graphql`, { method: 'GET' })
  saw.push(await get.request(QUERY, { id: '8' }))
  const controller = new AbortController()
  setTimeout(() => controller.abort(), SHORT)
  const never = new GraphQLClient(`${location.origin}/never`, { signal: controller.signal })
  saw.push(await outcome(() => never.request(QUERY, { id: '9' })))
  return saw
}
