/** `test` with the pages of the traps. */
import { test as base } from '../support/test.js'
import { Gallery } from './gallery.js'
import { Origins } from './origins.js'

export { expect } from '@playwright/test'

export const test = base.extend<object, { gallery: Gallery }>({
  gallery: [
    async ({ browser, demo }, use) => {
      const origins = await Origins.start()
      const gallery = new Gallery(browser, demo, origins)
      await use(gallery)
      await gallery.close()
      await origins.stop()
    },
    { scope: 'worker' },
  ],
})
