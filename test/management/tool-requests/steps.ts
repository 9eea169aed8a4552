/** Takes the steps of a case of a client library's tests. */
import { expect } from 'vitest'
import { cameTrue } from '../../support/until.ts'
import type { Answer, Http } from '../target.ts'
import { filled } from './scene.ts'
import type { Step } from './suites.ts'

/** RabbitMQ shows what happened bit by bit. */
const SHOWN_MS_MAX = 20_000

/** Sends the request; reading is repeated until it shows what is expected, as the libraries' tests wait for statistics. */
export async function takeStep(
  http: Http,
  step: Step,
  names: { [placeholder: string]: string },
): Promise<void> {
  const [method = '', path = ''] = filled(step.ask, names).split(' ')
  const ask = (): Promise<Answer> => http.call(method, path, filled(step.body, names))
  let answer = await ask()
  if (method === 'GET')
    await cameTrue(
      async () => {
        answer = await ask()
        return agrees(() => compare(step, answer, names))
      },
      SHOWN_MS_MAX,
      50,
    )
  compare(step, answer, names)
  if (step.keepsLocation !== true) return
  const part = answer.location?.split('/')[1] ?? ''
  names['props'] = decodeURIComponent(part.replaceAll('+', '%20'))
  names['escapedProps'] = encodeURIComponent(names['props'])
}

function agrees(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

function compare(step: Step, { status, json }: Answer, names: { [placeholder: string]: string }): void {
  expect([step.ask, step.status === undefined ? Math.floor(status / 100) : status]).toEqual([
    step.ask,
    step.status ?? 2,
  ])
  const part = step.in === undefined ? json : step.in === 'first' ? json.slice(0, 1) : json[step.in]
  if (step.shows !== undefined) expect(part).toMatchObject(filled(step.shows, names) as object)
  if (step.length !== undefined) expect(part).toHaveLength(step.length)
  if (step.has !== undefined)
    expect(part).toContainEqual(expect.objectContaining(nested(filled(step.has, names))))
  if (step.lacks !== undefined)
    expect(part).not.toContainEqual(expect.objectContaining(filled(step.lacks, names)))
}

/** objectContaining compares members whole; these here, too, have to contain only what is said. */
function nested(what: object): object {
  return Object.fromEntries(
    Object.entries(what).map(([k, v]) => [
      k,
      typeof v === 'object' &&
      v !== null &&
      Object.getPrototypeOf(v) === Object.prototype &&
      Object.keys(v).length > 0
        ? expect.objectContaining(nested(v))
        : v,
    ]),
  )
}
