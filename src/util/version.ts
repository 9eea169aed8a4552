/** This package's own version; a test holds it against package.json, which cannot be read the same way from both builds. */
export const version = '0.1.0'
