export declare const webFolder: URL
