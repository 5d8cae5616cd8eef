import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The connections of a server on which no request is being answered, for its end: whoever has sent nothing yet, as
 * clients do that connect ahead, is for Node in the middle of a request, and would be waited for.
 */
export class IdleConnections {
  private readonly open = new Set<Socket>();
  private readonly answers = new Map<Socket, number>();

  /** `tls`: what is seen of a connection before it is decrypted is nobody's. */
  constructor(server: Server, tls: boolean) {
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.open.add(socket);
      socket.once('close', () => this.open.delete(socket));
    });
    server.on('request', ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
      this.answers.set(socket, (this.answers.get(socket) ?? 0) + 1);
      response.once('close', () => {
        const left = (this.answers.get(socket) ?? 1) - 1;
        if (left > 0) this.answers.set(socket, left);
        else this.answers.delete(socket);
      });
    });
  }

  /** Cuts them; those with an answer under way stay. */
  close(): void {
    for (const socket of this.open) if (!this.answers.has(socket)) socket.destroy();
  }
}
