// A certified OpenID Connect issuer on loopback. Whoever types a login name is that person.
//
//   node server.mjs <redirect URI>     prints its URL and serves until its standard input closes
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [redirectUri] = process.argv.slice(2);

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [
    {
      client_id: "portal",
      client_secret: "a-secret-of-the-tests",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: id[0].toUpperCase() + id.slice(1),
      preferred_username: id,
      email: `${id}@example.com`,
    }),
  }),
  cookies: { keys: ["only for tests"] },
});

server.on("request", provider.callback());
process.stdin.on("end", () => process.exit()).resume();
console.log(url);
