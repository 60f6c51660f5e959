/** A shop in Vue, with Elastic's integration as its documentation has it. */
import { apm } from '@elastic/apm-rum'
import { ApmVuePlugin } from '@elastic/apm-rum-vue'
import { createApp, h, inject } from 'vue'
import { createRouter, createWebHistory, RouterLink, RouterView } from 'vue-router'

const Home = { render: () => h(RouterLink, { id: 'to-product', to: '/shop/products/42' }, () => 'Product') }

const Product = {
  name: 'Product',
  setup() {
    return { apm: inject('$apm') }
  },
  data: () => ({ name: '' }),
  async mounted() {
    const span = this.apm.startSpan('load product', 'app')
    await fetch('/echo?product')
    span.end()
    this.name = 'Bike'
  },
  render() {
    return h('main', [
      this.name && h('h1', this.name),
      h('button', { id: 'break', onClick: () => this.breakDown() }, 'Break'),
      h(RouterLink, { id: 'to-cart', to: '/shop/cart' }, () => 'Cart'),
    ])
  },
  methods: {
    breakDown() {
      throw new TypeError('of a component')
    },
  },
}

const Cart = {
  mounted() {
    fetch('/echo?cart')
  },
  render: () => h('h2', 'Cart'),
}

export function start(config) {
  const router = createRouter({
    history: createWebHistory(),
    routes: [
      { path: '/shop/products/:id', component: Product },
      { path: '/shop/cart', component: Cart },
      { path: '/:any(.*)', component: Home },
    ],
  })
  createApp({ render: () => h(RouterView) })
    .use(router)
    .use(ApmVuePlugin, { router, config })
    .mount('#app')
  return apm
}
