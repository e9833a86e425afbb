// An OpenID provider that others wrote and had certified (oidc-provider), with one client
// that signs every person in: PORT REDIRECT_URI AUTH_METHOD. Prints "ready" when it listens.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirect, method] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const ROLES = { chief: ["chief", "other"], editor: ["editor"], reader: [] };

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "stop press:desk",
      ...(method === "none" ? {} : { client_secret: "a secret: with +, % and blanks" }),
      token_endpoint_auth_method: method,
      redirect_uris: [redirect],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  claims: { openid: ["sub"], profile: ["name"], desk: ["groups", "stoppress"] },
  scopes: ["openid", "profile", "desk"],
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ["only for tests"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of the newsroom`,
      groups: ROLES[id] ?? [],
      ...(id === "claimed" ? { stoppress: { scopes: ["publish"], feeds: ["sport-*"] } } : {}),
    }),
  }),
  features: { devInteractions: { enabled: true } },
});

createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => console.log("ready"));
