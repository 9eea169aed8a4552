/** What may be done with the bindings of the default exchange, which has a name in paths. Runs against RabbitMQ, too. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fresh } from '../support/target.ts'
import { useHttp } from './target.ts'

const http = useHttp()
const v = fresh('default-x')
const user = fresh('no-rights')
const between = `bindings/${v}/e/amq.default`

beforeAll(async () => {
  await http.put(`vhosts/${v}`)
  await http.put(`permissions/${v}/guest`, { configure: '.*', write: '.*', read: '.*' })
  await http.put(`queues/${v}/q`)
  await http.put(`exchanges/${v}/x`)
  await http.put(`users/${user}`, { password: 'p', tags: 'management' })
  await http.put(`permissions/${v}/${user}`, { configure: '', write: '', read: '' })
})
afterAll(async () => {
  await http.delete(`vhosts/${v}`)
  await http.delete(`users/${user}`)
})

it.each([
  ['GET', `${between}/q/q`, 200],
  ['GET', `${between}/q/none`, 200],
  ['GET', `${between}/e/x`, 200],
  ['GET', `${between}/e/amq.default`, 200],
  ['GET', `${between}/q/q/q`, 200],
  ['GET', `${between}/q/q/other`, 404],
  ['GET', `${between}/q/none/none`, 404],
  ['POST', `${between}/q/q`, 401],
  ['POST', `${between}/q/none`, 401],
  ['POST', `${between}/e/x`, 401],
  ['POST', `${between}/e/none`, 401],
  ['POST', `bindings/${v}/e/x/e/amq.default`, 401],
  ['POST', `bindings/${v}/e/none/e/amq.default`, 401],
  ['PUT', `${between}/q/q`, 405],
  ['PUT', `${between}/q/q/q`, 405],
  ['DELETE', `${between}/q/q`, 405],
  ['DELETE', `${between}/q/q/q`, 401],
  ['DELETE', `${between}/q/q/other`, 404],
  ['DELETE', `${between}/q/q/~`, 404],
  ['DELETE', `${between}/q/none/none`, 404],
  ['DELETE', `${between}/e/x/x`, 404],
  ['DELETE', `exchanges/${v}/amq.default`, 401],
  ['PUT', `exchanges/${v}/amq.default`, 401],
])('%s %s is answered with %i, whatever the rights', async (method, path, status) => {
  const body = method === 'POST' || method === 'PUT' ? {} : undefined
  const answer = await http.call(method, path, body)
  expect(answer.status).toBe(status)
  if (status === 401) expect(answer.json.error).toBe('not_authorised')
  expect((await http.call(method, path, body, `${user}:p`)).status).toBe(status)
  // The binding is as it was.
  expect((await http.get(`${between}/q/q/q`)).status).toBe(200)
})
