/** What a request asks for; undefined where that is no URL, such as `//`. Whoever sends it need not have logged in. */
export function requestUrl({ url = '/' }: { readonly url?: string | undefined }): URL | undefined {
  const base = 'http://localhost'
  return URL.canParse(url, base) ? new URL(url, base) : undefined
}
