import { createClient, createConfig } from "./generated/client/index.js";
import { Client } from "./generated/sdk.gen.js";

export type * from "./generated/types.gen.js";
export { Client };

export interface Options {
  /** The server, such as https://muster.example.com */
  baseUrl: string;
  /** A token of "Your account", or of `muster login` */
  token: string;
  fetch?: typeof fetch;
}

/** A client of one server. Each call returns the answer's body, and throws the body of an error. */
export function connect({ baseUrl, token, fetch }: Options): Client {
  const headers = { Authorization: `Bearer ${token}` };
  return new Client({ client: createClient(createConfig({ baseUrl, headers, fetch, throwOnError: true, responseStyle: "data" })) });
}
