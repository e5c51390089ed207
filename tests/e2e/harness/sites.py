"""What can be reached over TCP, if it can."""
import contextlib
import socket
import threading


class Sites:
    """TCP servers at every address of a namespace, which greet and then echo; with `page` they send
    that and hang up, as a web server may."""

    def __init__(self, namespace, ports, page=None):
        self.page = page
        self.listeners = []
        for port in ports:
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                listener = namespace.call(self._listen, family, address, port)
                self.listeners.append(listener)
                threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    @staticmethod
    def _listen(family, address, port):
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(512)
        return listener

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with contextlib.suppress(OSError), connection:
            if self.page is not None:
                connection.recv(4096)
                connection.send(b"HTTP/1.0 200 OK\r\n\r\n" + self.page)
                return
            connection.send(b"hello")
            while data := connection.recv(100):
                connection.send(data)

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)  # also for the thread that waits in accept
            listener.close()
