/** Bodies of requests: JSON that everything behind may rely on. */
import { parseJson } from '../definitions/json.ts'
import { badRequest } from './http.ts'

/** An empty body and `null`, as some clients send them, are an object without members. @throws HttpError 400 */
export function parseBody(text: string): unknown {
  const value = text === '' ? {} : jsonOf(text)
  if (typeof value === 'string')
    throw badRequest(
      'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?',
    )
  return value ?? {}
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw badRequest(error instanceof RangeError ? error.message : 'not_json')
  }
}
