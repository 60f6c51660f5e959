/** What the GraphQL clients ask for. */
export const QUERY = `
  query Product($id: ID!) {
    product(id: $id) {
      id
      name
    }
  }
`
export const MUTATION = `
  mutation Rename($name: String!) {
    rename(name: $name) {
      name
    }
  }
`
