/**
 * Defences, taken out one by one: each is a change of the hooks' source after which the traps named here
 * differ from the native.
 *
 * Without one, as there is no code to take out, but code that is not there: F13 (a span ends with the
 * headers, in the same call), F14 (no timing is cleared), F21c, F21d, X4b, X7, X10, X11, E3, E5, E7, E8, E9,
 * E10, V4, V4b, V4c, V4d (nothing of it is touched). F3, F5d, F18b and the target rules behind F11 are the Rust
 * module's, whose tests are in `crate`. `no-cors` of F11: the browser drops headers itself. F17: the check of
 * the descriptor spares a call that fails quietly. F22b, V2: any other way to ask for a kind, such as
 * `instanceof`, costs a span and is not visible. F16b, F23b, X4c and V8 are limits.
 */

export interface Mutation {
  what: string
  /** Below `js-wrapper/src`. */
  file: string
  search: string
  replace: string
  traps: string[]
  /** If it is the full build that has the defence. */
  full?: true
}

const fetch = 'hooks/fetch.ts'
const headers = 'hooks/headers.ts'
const patch = 'hooks/patch.ts'
const xhr = 'hooks/xhr.ts'

export const MUTATIONS: Mutation[] = [
  {
    what: 'a Request is built for what is only observed',
    file: fetch,
    search: 'const id = nextId()',
    replace: 'if (base) new Request(base, init); const id = nextId()',
    traps: ['F0', 'F15b'],
  },
  {
    what: 'headers are set on the caller’s Request',
    file: fetch,
    search: 'if (base && isEmpty(init)) {',
    replace:
      'for (const [name, value] of added) base?.headers.set(name, value)\nif (base && isEmpty(init)) {',
    traps: ['F0b'],
  },
  {
    what: '`init` with getters is read again by the native',
    file: fetch,
    search:
      'const view = plain ? parameters : [input, viewOf(init as object, members), ...parameters.slice(2)]',
    replace: 'const view = parameters',
    traps: ['F0c'],
  },
  {
    what: '`init` is read by its members, not its descriptors',
    file: fetch,
    search: 'members[name] = member.value',
    replace: 'members[name] = (init as Record<string, unknown>)[name]',
    traps: ['F0d'],
  },
  {
    what: 'getters of headers run twice',
    file: fetch,
    search: '(Symbol.iterator in headers || !plainMembers(headers))',
    replace: 'Symbol.iterator in headers',
    traps: ['F0c'],
  },
  {
    what: 'a generator is read for nothing',
    file: fetch,
    search: 'const oneShot = runsCode(effective)',
    replace: 'const oneShot = false && runsCode(effective)',
    traps: ['F0e'],
  },
  {
    what: 'two arguments go on, whatever came',
    file: fetch,
    search: 'started?.parameters ?? parameters)',
    replace: 'started?.parameters ?? [parameters[0], parameters[1]])',
    traps: ['F0f'],
  },
  {
    what: '`init` is not copied',
    file: fetch,
    search: 'plain ? { ...init, ...changed }',
    replace: 'plain ? Object.assign(init ?? {}, changed)',
    traps: ['F1', 'F1b'],
  },
  {
    what: 'an abort is not told from a failure',
    file: fetch,
    search: '+!!quietly(() => signal?.aborted)',
    replace: '0',
    traps: ['F2'],
  },
  {
    what: 'errors are made anew',
    file: fetch,
    search: '      throw error\n',
    replace: "      throw new TypeError('Failed to fetch (host)')\n",
    traps: ['F4', 'V11'],
  },
  {
    what: 'what the hook throws is not held back',
    file: fetch,
    search: 'const started = quietly(() => begin(parameters))',
    replace: 'const started = begin(parameters)',
    traps: ['F4c'],
  },
  {
    what: 'a copy of the answer is read',
    file: fetch,
    search: 'const settled = (response: Response) => {',
    replace:
      'const settled = (response: Response) => { void response.clone().arrayBuffer().catch(() => undefined)',
    traps: ['F5', 'F5c'],
  },
  {
    what: 'the answer is tee’d',
    file: fetch,
    search: '      return response\n',
    replace: '      return response.body ? new Response(response.body.tee()[0], response) : response\n',
    traps: ['F5b', 'F6'],
  },
  {
    what: 'the answer is a Proxy',
    file: fetch,
    search: '      return response\n',
    replace: '      return new Proxy(response, {})\n',
    traps: ['F6b'],
  },
  {
    what: 'an answer is made anew of its body',
    file: fetch,
    search: '      return response\n',
    replace: '      return new Response(response.body, response)\n',
    traps: ['F7'],
  },
  {
    what: 'headers of the Request count beside those of `init`',
    file: fetch,
    search: 'const effective = headers === undefined && base ?',
    replace: 'const effective = base ?',
    traps: ['F8', 'E2'],
  },
  {
    what: 'a Headers object is not read',
    file: headers,
    search: 'ofPairs([...headers],',
    replace: 'ofPairs([],',
    traps: ['F9'],
  },
  {
    what: 'a `traceparent` of the caller’s is replaced',
    file: headers,
    search: "return (\n    has('traceparent') ||",
    replace: "return !has && (\n    has('traceparent') ||",
    traps: ['F10', 'X1'],
  },
  {
    what: '`baggage` of the caller’s is replaced',
    file: fetch,
    search:
      "return name === 'tracestate' ? [[name, module.ask('mergeTracestate', existing, id) || value]] : []",
    replace: 'return [[name, value]]',
    traps: ['F10b'],
    full: true,
  },
  {
    what: 'our sends go through the page’s `fetch`',
    file: 'send.ts',
    search: 'const { fetch } = globalThis',
    replace: 'const fetch = (...all: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...all)',
    traps: ['F12'],
  },
  {
    what: 'the patch is a function',
    file: patch,
    search: '{ ...descriptor, value: patched }',
    replace:
      '{ ...descriptor, value: function (...all: unknown[]) { return Reflect.apply(patched, this, all) } }',
    traps: ['F16', 'X12b', 'V3b'],
  },
  {
    what: 'the property is defined anew',
    file: patch,
    search: '{ ...descriptor, value: patched }',
    replace: '{ configurable: true, enumerable: false, writable: true, value: patched }',
    traps: ['F16', 'X12b'],
  },
  {
    what: 'a getter is replaced',
    file: patch,
    search: 'const descriptor = Object.getOwnPropertyDescriptor(owner, name)',
    replace:
      'const descriptor = { configurable: true, enumerable: true, writable: true, value: owner[name] }',
    traps: ['F17b'],
  },
  {
    what: 'nothing is restored',
    file: patch,
    search: 'if (Object.getOwnPropertyDescriptor(owner, name)?.value === patched) {',
    replace: 'if (!owner) {',
    traps: ['F17c'],
  },
  {
    what: 'the native is restored under somebody else’s wrapper',
    file: patch,
    search: 'if (Object.getOwnPropertyDescriptor(owner, name)?.value === patched) {',
    replace: 'if (owner) {',
    traps: ['F17d'],
  },
  {
    what: 'objects are turned into addresses by the hook too',
    file: patch,
    search: 'return input instanceof URL ? input.href : undefined',
    replace: 'return quietly(() => new URL(String(input), document.baseURI).href)',
    traps: ['F0c', 'X9'],
  },
  {
    what: 'addresses are not resolved against the base',
    file: patch,
    search: 'new URL(input, document.baseURI)',
    replace: 'new URL(input, location.href)',
    traps: ['X9'],
  },
  {
    what: 'methods are written in capitals',
    file: fetch,
    search: 'const verb = method ??',
    replace: 'const verb = method?.toUpperCase() ??',
    traps: ['F19'],
  },
  {
    what: 'exceptions of hooks get out',
    file: patch,
    search: '  } catch {\n    return undefined\n  }',
    replace: '  } catch (error) {\n    throw error\n  }',
    traps: ['F20', 'E6', 'X12c'],
  },
  {
    what: 'only known members of `init` go on',
    file: fetch,
    search: 'plain ? { ...init, ...changed }',
    replace: 'plain ? { method, mode, signal, body: plain.body, ...changed }',
    traps: ['F21'],
  },
  {
    what: 'a Request’s referrer is lost',
    file: fetch,
    search: 'if (base && isEmpty(init)) {',
    replace: 'if (base && !base) {',
    traps: ['F21b'],
  },
  {
    what: 'the receiver is the window',
    file: fetch,
    search: 'Reflect.apply(native, self, started',
    replace: 'Reflect.apply(native, globalThis, started',
    traps: ['F22'],
  },
  {
    what: 'the promise is observed by a side branch',
    file: fetch,
    search: '? Reflect.apply(then, promise, [settled, rejected])',
    replace: '? (void Reflect.apply(then, promise, [settled, rejected]), promise)',
    traps: ['F23'],
  },
  {
    what: 'the promise is wrapped in an async function',
    file: fetch,
    search: 'return started?.id === undefined ? promise : observe(promise, started.id, started)',
    replace:
      'const all = started?.id === undefined ? promise : observe(promise, started.id, started); return Object.assign((async () => await all)(), { traced: true })',
    traps: ['F23c'],
  },
  {
    what: 'the page’s own `then` is called',
    file: fetch,
    search: '? Reflect.apply(then, promise, [settled, rejected])',
    replace: '? promise.then(settled, rejected)',
    traps: ['V1'],
  },
  {
    what: 'as many arguments go on as there are parameters',
    file: fetch,
    search: 'const view = plain ? parameters :',
    replace: 'const view = plain ? [input, init] :',
    traps: ['V3'],
  },
  {
    what: 'a Request is read by its own getters',
    file: fetch,
    search: 'Reflect.get<Request, Name>(Request.prototype, name, request)',
    replace: 'request[name]',
    traps: ['V5'],
  },
  {
    what: 'a Request is built anew to add headers',
    file: fetch,
    search: '      input,\n      plain ?',
    replace: '      base ? new Request(base) : input,\n      plain ?',
    traps: ['E4'],
  },
  {
    what: 'the caller’s headers of an XHR are not known',
    file: xhr,
    search: 'propagates(added, (name) => own[name] !== undefined)',
    replace: 'propagates(added, () => false)',
    traps: ['X1'],
  },
  {
    what: '`baggage` of the caller’s is joined with ours',
    file: xhr,
    search: "if (existing !== undefined && name !== 'tracestate') continue",
    replace: '',
    traps: ['X1b'],
    full: true,
  },
  {
    what: 'the state outlives `open`',
    file: xhr,
    search: 'if (state) states.set(xhr, state)\n        else states.delete(xhr)',
    replace: 'if (state && !states.has(xhr)) states.set(xhr, state)',
    traps: ['X2'],
  },
  {
    what: 'a header that is held back outlives `open`',
    file: xhr,
    search: '        holding.delete(xhr)\n        // Set before',
    replace: '        // Set before',
    traps: ['X2'],
  },
  {
    what: 'a request that is replaced by another does not end',
    file: xhr,
    search: "quietly(() => earlier?.end?.('abort'))",
    replace: '',
    traps: ['X3'],
  },
  {
    what: 'an abort of an XHR is a failure',
    file: xhr,
    search: "+(type === 'abort')",
    replace: '0',
    traps: ['X4'],
  },
  {
    what: 'what a synchronous XHR throws is kept',
    file: xhr,
    search: "'error'))\n        throw error",
    replace: "'error'))",
    traps: ['X5'],
  },
  {
    what: 'a synchronous XHR that fails does not end',
    file: xhr,
    search: "quietly(() => state?.end?.(error instanceof DOMException ? error.name : 'error'))",
    replace: '',
    traps: ['X5b'],
  },
  {
    what: 'listeners stay',
    file: xhr,
    search: 'for (const event of EVENTS) Reflect.apply(removeEventListener, xhr, [event, listener])',
    replace: '',
    traps: ['X6'],
  },
  {
    what: 'a header is asked for that may not be exposed',
    file: xhr,
    search: "(name) => new RegExp(`^${name}: (.*)$`, 'im').exec(headers)?.[1],",
    replace: '(name) => (headers ? xhr.getResponseHeader(name) ?? undefined : undefined),',
    traps: ['X8'],
    full: true,
  },
  {
    what: 'a subclass’s methods are called',
    file: xhr,
    search: 'Reflect.apply(setRequestHeader, xhr, [name, merged])',
    replace: 'xhr.setRequestHeader(name, String(merged))',
    traps: ['X12'],
  },
  {
    what: 'a subclass’s getters are called',
    file: xhr,
    search: 'Reflect.get<XMLHttpRequest, Name>(prototype, name, xhr)',
    replace: 'xhr[name]',
    traps: ['X12'],
  },
  {
    what: 'a header that is not valid is held back like others',
    file: xhr,
    search: ' || !isValid(value)) return false',
    replace: ') return false',
    traps: ['X12c'],
  },
  {
    what: 'the state is kept on the object',
    file: xhr,
    search: 'if (state) states.set(xhr, state)',
    replace: 'if (state) states.set(Object.assign(xhr, { _state: state }), state)',
    traps: ['X12d'],
  },
]
