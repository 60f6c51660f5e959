#!/usr/bin/env node
/**
 * Starts the Firefox that `FIREFOX_PATH` names for Playwright, and stands between the two: Playwright speaks the newest
 * WebDriver BiDi, an ESR the one of its release, and refuses commands that came later. Those are for things
 * that no test asks for, such as the colour scheme, so they are answered as if they had been done.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

import { WebSocket, WebSocketServer } from 'ws'

import { Windows } from './firefox-windows.mjs'

const browser = spawn(process.env.FIREFOX_PATH ?? 'firefox', process.argv.slice(2), {
  stdio: ['ignore', 'inherit', 'pipe'],
})
browser.on('error', (error) => {
  throw error
})
browser.on('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => browser.kill(signal))

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
for await (const line of createInterface(browser.stderr)) {
  const [, endpoint] = /^WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? []
  if (endpoint) {
    server.on('connection', (playwright, { url }) => connect(playwright, endpoint + url))
    console.error(`WebDriver BiDi listening on ws://127.0.0.1:${server.address().port}`)
  } else {
    console.error(line)
  }
}

function connect(playwright, endpoint) {
  const firefox = new WebSocket(endpoint, { perMessageDeflate: false, maxPayload: 0 })
  const early = []
  const windows = new Windows((message) => firefox.send(JSON.stringify(message)))
  const forward = (text) => {
    if (!windows.request(text)) firefox.send(text)
  }
  playwright.on('message', (data) => {
    if (firefox.readyState === WebSocket.OPEN) forward(data.toString())
    else early.push(data.toString())
  })
  firefox.on('open', () => early.forEach(forward))
  firefox.on('message', (data, binary) => {
    const text = data.toString()
    if (!windows.answer(text)) playwright.send(translate(text), { binary })
  })
  firefox.on('close', () => playwright.close())
  playwright.on('close', () => firefox.close())
  firefox.on('error', () => playwright.terminate())
}

function translate(data) {
  // Most messages are events; only short ones can be such an error.
  if (data.length > 2_000 || !data.includes('unknown command')) return data
  const { type, error, id } = JSON.parse(data)
  if (type !== 'error' || error !== 'unknown command') return data
  return JSON.stringify({ type: 'success', id, result: {} })
}
