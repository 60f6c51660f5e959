import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { map } from 'rxjs'

import { origins, outcome, SHORT, type Servers } from './common.js'
import * as queries from './graphql-queries.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  for (const origin of origins(servers)) {
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.from([
        new ApolloLink((operation, forward) => {
          operation.setContext({ headers: { 'x-own': 'link' } })
          return forward(operation).pipe(
            map((result) => {
              saw.push(['link', operation.operationName])
              return result
            }),
          )
        }),
        new HttpLink({ uri: `${origin}/graphql` }),
      ]),
    })
    saw.push((await client.query({ query: QUERY, variables: { id: '7' } })).data)
    // From the cache: no request.
    saw.push((await client.query({ query: QUERY, variables: { id: '7' } })).data)
    saw.push((await client.mutate({ mutation: MUTATION, variables: { name: 'Sock' } })).data)
    saw.push(
      await outcome(() =>
        client.query({
          query: gql`
            query Wrong {
              nothing
            }
          `,
        }),
      ),
    )
    const watched = client.watchQuery({ query: QUERY, variables: { id: '8' } })
    saw.push((await watched.refetch()).data)
    client.stop()
  }
  const failing = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: '/failing', useGETForQueries: true }),
  })
  saw.push(await outcome(() => failing.query({ query: QUERY, variables: { id: '9' } })))
  const controller = new AbortController()
  const pending = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: '/never' }) })
  setTimeout(() => controller.abort(), SHORT)
  saw.push(
    await outcome(() =>
      pending.query({
        query: QUERY,
        variables: { id: '10' },
        context: { fetchOptions: { signal: controller.signal } },
      }),
    ),
  )
  return saw
}

const QUERY = gql(queries.QUERY)
const MUTATION = gql(queries.MUTATION)
