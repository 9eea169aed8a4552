// Where the operators' page lies once it is built. A module of its own, since the two builds say in different ways where they are.
export const webFolder = new URL('../dist/web/', import.meta.url)
