import $ from 'jquery'

import { origins, SHORT, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  $(document).on('ajaxSend ajaxComplete', (event) => void saw.push(event.type))
  const ajax = (settings: JQuery.AjaxSettings) =>
    new Promise((resolve) => {
      void $.ajax({ cache: true, ...settings })
        .done((data: unknown, text, { status }) => resolve([data, text, status]))
        .fail(({ status, responseText }, text, thrown) => resolve([status, responseText, text, thrown]))
    })
  for (const origin of origins(servers)) {
    saw.push(await ajax({ url: `${origin}/reply`, data: { a: 1 } }))
    saw.push(
      await ajax({
        url: `${origin}/reply`,
        method: 'POST',
        contentType: 'application/json',
        data: JSON.stringify({ amount: 1 }),
        headers: { 'X-Own': 'headers' },
        beforeSend: (xhr) => {
          xhr.setRequestHeader('X-Own', 'beforeSend')
        },
      }),
    )
    saw.push(await $.getJSON(`${origin}/reply?json`))
    saw.push(await $.post(`${origin}/reply`, { form: 1 }))
    saw.push(await ajax({ url: `${origin}/missing` }))
  }
  saw.push(await new Promise((resolve) => $('<div>').load('/fragment', (text) => resolve(text))))
  saw.push(await ajax({ url: '/never?timeout', timeout: SHORT }))
  const pending = $.ajax('/never?abort')
  setTimeout(() => {
    pending.abort()
  }, SHORT)
  saw.push(
    await new Promise((resolve) => {
      void pending.always((_xhr, text) => resolve(text))
    }),
  )
  saw.push(await ajax({ url: '/broken' }))
  return saw
}
