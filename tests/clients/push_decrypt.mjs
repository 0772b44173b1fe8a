// Decrypts Web Push messages as a browser does, with http_ece. Lines in: {"private","auth","body"} in base64url; lines out: the plaintext.
import crypto from 'node:crypto';
import readline from 'node:readline';
import ece from 'http_ece';

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { private: key, auth, body } = JSON.parse(line);
  const ecdh = crypto.createECDH('prime256v1');
  ecdh.setPrivateKey(key, 'base64url');
  const plain = ece.decrypt(Buffer.from(body, 'base64url'), { version: 'aes128gcm', privateKey: ecdh, authSecret: auth });
  process.stdout.write(JSON.stringify(plain.toString('utf8')) + '\n');
}
