/** A shop in React, with Elastic's integration as its documentation has it. */
import { init } from '@elastic/apm-rum'
import { ApmRoutes, withTransaction } from '@elastic/apm-rum-react'
import { createElement, Component, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter, Link, Route } from 'react-router-dom'

export function start(config) {
  const apm = init(config)

  const Home = () => createElement(Link, { id: 'to-product', to: '/shop/products/42' }, 'Product')

  const Product = withTransaction(
    'Product',
    'component',
  )(({ transaction }) => {
    const [name, setName] = useState('')
    useEffect(() => {
      const span = transaction.startSpan('load product', 'app')
      fetch('/echo?product')
        .then((response) => response.json())
        .then(() => {
          span.end()
          setName('Bike')
        })
    }, [transaction])
    return createElement(
      'main',
      null,
      name && createElement('h1', null, name),
      createElement(Link, { id: 'to-cart', to: '/shop/cart' }, 'Cart'),
    )
  })

  class Cart extends Component {
    componentDidMount() {
      fetch('/echo?cart')
    }
    render() {
      return createElement('h2', null, 'Cart')
    }
  }

  createRoot(document.getElementById('app')).render(
    createElement(
      BrowserRouter,
      null,
      createElement(
        ApmRoutes,
        null,
        createElement(Route, { path: '/shop/products/:id', element: createElement(Product) }),
        createElement(Route, {
          path: '/shop/cart',
          element: createElement(withTransaction('Cart', 'component')(Cart)),
        }),
        createElement(Route, { path: '*', element: createElement(Home) }),
      ),
    ),
  )
  // A component that is missing only gets a warning.
  withTransaction('Nothing', 'component')(undefined)
  return apm
}
