import { describe, expect, it } from 'vitest'
import { useHttp } from './target.ts'

const http = useHttp()

interface Described {
  readonly paths: Record<string, Record<string, { description: string }>>
}

/** Tags that are not enough for a route that needs the key. */
const tooLittle: Record<string, readonly string[]> = {
  management: [''],
  policymaker: ['', 'management', 'monitoring'],
  monitoring: ['', 'management', 'policymaker'],
  administrator: ['', 'management', 'policymaker', 'monitoring'],
}

describe('every route of the HTTP API', () => {
  it('is refused without a login, and without the tag that it needs', async () => {
    for (const tag of ['', 'management', 'policymaker', 'monitoring'])
      expect((await http.put(`users/has-${tag}`, { password: 'p', tags: tag })).status).toBe(201)
    const { paths } = (await http.get('openapi.json')).json as Described
    let routes = 0
    const open: string[] = []
    for (const [path, methods] of Object.entries(paths))
      for (const [method, { description }] of Object.entries(methods)) {
        routes++
        const url = path
          .replace('/api/', '')
          .replace(/\{vhost\}/g, '%2F')
          .replace(/\{\w+\}/g, 'x')
        if (description === 'For everybody, without a login.') continue
        const needed = /tag (\w+)/.exec(description)?.[1] ?? ''
        for (const login of (tooLittle[needed] ?? ['?']).map((t) => `has-${t}:p`)) {
          const { status } = await http.call(method.toUpperCase(), url, undefined, login)
          if (status !== 401) open.push(`${method} ${url} for ${login}: ${status}`)
        }
      }
    expect(open).toEqual([])
    for (const login of ['nobody:p', 'guest:wrong'])
      expect((await http.get('overview', login)).status).toBe(401)
    expect(routes).toBeGreaterThan(90)
  })
})
