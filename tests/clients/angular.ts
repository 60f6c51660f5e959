// Its packages are compiled in part only; the rest happens in the page.
import '@angular/compiler'

import {
  HttpClient,
  HttpEventType,
  HttpHeaders,
  provideHttpClient,
  withFetch,
  withInterceptors,
  type HttpErrorResponse,
  type HttpEvent,
  type HttpInterceptorFn,
} from '@angular/common/http'
import { createApplication } from '@angular/platform-browser'
import { catchError, firstValueFrom, lastValueFrom, map, of, takeUntil, tap, timer, toArray } from 'rxjs'

import { origins, SHORT, type Reply, type Servers } from './common.js'

export async function use(servers: Servers): Promise<unknown> {
  const saw: unknown[] = []
  const interceptor: HttpInterceptorFn = (request, next) =>
    next(request.clone({ setHeaders: { 'X-Own': 'interceptor' } })).pipe(
      tap(({ type }) => void saw.push(['intercepted', type])),
    )
  for (const backend of ['xhr', 'fetch']) {
    const application = await createApplication({
      providers: [
        provideHttpClient(
          withInterceptors([interceptor]),
          // XHR is what it uses by default.
          ...(backend === 'fetch' ? [withFetch()] : []),
        ),
      ],
    })
    const http = application.injector.get(HttpClient)
    for (const origin of origins(servers)) {
      const url = `${origin}/reply?${backend}`
      saw.push(await firstValueFrom(http.get<Reply>(url, { params: { a: 1 } })))
      saw.push(await firstValueFrom(http.post<Reply>(url, { amount: 1 })))
      const headers = new HttpHeaders({ 'X-More': 'yes' })
      saw.push(await firstValueFrom(http.put(url, 'text', { headers, responseType: 'text' })))
      const events = http.post<Reply>(url, 'x', { observe: 'events', reportProgress: true })
      saw.push(await lastValueFrom(events.pipe(map(describe), toArray())))
      saw.push(await failureOf(http, `${origin}/missing?${backend}`))
    }
    saw.push(await failureOf(http, `/broken?${backend}`))
    // Left before the answer: the client aborts.
    const left = http.get(`/never?${backend}`).pipe(takeUntil(timer(SHORT)), toArray())
    saw.push(await lastValueFrom(left))
    application.destroy()
  }
  return saw
}

function failureOf(http: HttpClient, url: string): Promise<unknown> {
  return firstValueFrom(
    http
      .get(url)
      .pipe(catchError(({ status, name, message }: HttpErrorResponse) => of([status, name, message]))),
  )
}

function describe(event: HttpEvent<Reply>): unknown {
  return event.type === HttpEventType.Response ? [event.status, event.body] : event.type
}
