// A certified provider of OpenID Connect (the npm package oidc-provider) on loopback, with one client for each way to sign and to prove a secret.
// `POST /test` changes its people, its keys, and what it does with refresh tokens; everything else is the package's own.
import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import * as oidc from "oidc-provider";

const Provider = oidc.Provider ?? oidc.default;
const [redirect, port] = process.argv.slice(2);
const kinds = { RS256: ["rsa", { modulusLength: 2048 }], PS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }], EdDSA: ["ed25519"] };
let people = {};
let inIdToken = false;
let answer;

function keys() {
  return Object.entries(kinds).map(([alg, [kind, options]]) => {
    const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" });
    return { ...jwk, alg, use: "sig", kid: randomUUID() };
  });
}

function client(alg, method) {
  return {
    client_id: `muster-${alg}-${method}`,
    client_secret: "s3cret:&+ %",
    client_name: "Muster",
    redirect_uris: [redirect],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: `client_secret_${method}`,
    id_token_signed_response_alg: alg,
  };
}

function begin(issuer) {
  const provider = new Provider(issuer, {
    clients: Object.keys(kinds).flatMap((alg) => [client(alg, "basic"), client(alg, "post")]),
    jwks: { keys: keys() },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"], groups: ["groups", "realm_access"] },
    scopes: ["openid", "offline_access", "profile", "email", "groups"],
    findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
    conformIdTokenClaims: !inIdToken,
    enabledJWA: { idTokenSigningAlgValues: Object.keys(kinds) },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    cookies: { keys: ["of a test"] },
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  });
  answer = provider.callback();
}

const server = createServer(async (request, response) => {
  if (request.url !== "/test") return answer(request, response);
  let body = "";
  for await (const part of request) body += part;
  const change = JSON.parse(body);
  if (change.people) people = change.people;
  if ("inIdToken" in change) inIdToken = change.inIdToken;
  if (change.keys || "inIdToken" in change) begin(`http://127.0.0.1:${server.address().port}`);
  response.end();
});
server.listen(Number(port ?? 0), "127.0.0.1", () => {
  begin(`http://127.0.0.1:${server.address().port}`);
  console.log(server.address().port);
});
