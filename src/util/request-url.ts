/** The URL of a request; undefined if it is invalid, such as `//`. The sender may not be authenticated. */
export function requestUrl({ url = '/' }: { readonly url?: string | undefined }): URL | undefined {
  const base = 'http://localhost'
  return URL.canParse(url, base) ? new URL(url, base) : undefined
}
