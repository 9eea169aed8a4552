// The folder of the built management UI. A separate module, because the two builds find their own path differently.
export const webFolder = new URL('../dist/web/', import.meta.url)
