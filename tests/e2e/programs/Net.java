// SPDX-License-Identifier: MIT
// java Net serve ADDRESS: HttpServer on port 8001, which answers a POST with its body's SHA-256, and
// an echo on port 8002 of one thread with a Selector. java Net ask ADDRESS: asks both.
import com.sun.net.httpserver.HttpServer;
import java.io.InputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

public class Net {
    static final int HTTP = 8001, ECHO = 8002, NOBODY = 1;

    static String digest(byte[] body) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
    }

    static void serveHttp(String address) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(address, HTTP), 64);
        server.createContext("/", exchange -> {
            try (InputStream in = exchange.getRequestBody()) {
                byte[] answer = digest(in.readAllBytes()).getBytes();
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
            } catch (Exception e) {
                throw new IOException(e);
            } finally {
                exchange.close();
            }
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }

    static void echoOnce(SelectionKey key) throws IOException {
        SocketChannel channel = (SocketChannel) key.channel();
        ByteBuffer waiting = (ByteBuffer) key.attachment();
        if (channel.read(waiting) < 0 && waiting.position() == 0) {
            channel.close();
            return;
        }
        waiting.flip();
        channel.write(waiting);
        waiting.compact();
        key.interestOps((waiting.hasRemaining() ? SelectionKey.OP_READ : 0)
                | (waiting.position() > 0 ? SelectionKey.OP_WRITE : 0));
    }

    static void serveEcho(String address) throws IOException {
        Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open();
        server.bind(new InetSocketAddress(address, ECHO)).configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        while (true) {
            selector.select();
            for (SelectionKey key : selector.selectedKeys()) {
                if (key.isAcceptable()) {
                    SocketChannel channel = server.accept();
                    channel.configureBlocking(false);
                    channel.register(selector, SelectionKey.OP_READ, ByteBuffer.allocate(65536));
                } else {
                    echoOnce(key);
                }
            }
            selector.selectedKeys().clear();
        }
    }

    static void require(boolean right, String what) {
        if (!right) {
            throw new IllegalStateException(what);
        }
    }

    static byte[] bytes(int n) {
        byte[] b = new byte[n];
        new Random(n).nextBytes(b);
        return b;
    }

    static void askHttp(String address) throws Exception {
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        List<CompletableFuture<Void>> pending = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            byte[] body = bytes(1 + i * 500);
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + ":" + HTTP + "/"))
                    .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
            String wanted = digest(body);
            if (i < 20) {
                require(client.send(request, HttpResponse.BodyHandlers.ofString()).body().equals(wanted), "POST " + i);
            } else {
                pending.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString())
                        .thenAccept(answer -> require(answer.body().equals(wanted), "POST")));
                if (pending.size() == 16) {
                    CompletableFuture.allOf(pending.toArray(new CompletableFuture[0])).get();
                    pending.clear();
                }
            }
        }
        CompletableFuture.allOf(pending.toArray(new CompletableFuture[0])).get();
    }

    // A megabyte through the echo, written and read by one thread as the channel is ready.
    static void askEcho(String address) throws Exception {
        ByteBuffer out = ByteBuffer.wrap(bytes(1_000_000)), in = ByteBuffer.allocate(1_000_000);
        Selector selector = Selector.open();
        SocketChannel channel = SocketChannel.open();
        channel.configureBlocking(false);
        channel.connect(new InetSocketAddress(address, ECHO));
        SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT);
        while (in.hasRemaining()) {
            require(selector.select(20000) > 0, "echo: time is over");
            selector.selectedKeys().clear();
            if (key.isConnectable()) {
                require(channel.finishConnect(), "finishConnect");
            }
            if (channel.isConnected()) {
                channel.write(out);
                require(channel.read(in) >= 0, "echo: an early end");
                key.interestOps(SelectionKey.OP_READ | (out.hasRemaining() ? SelectionKey.OP_WRITE : 0));
            }
        }
        channel.shutdownOutput();
        require(java.util.Arrays.equals(in.array(), out.array()), "echo: other bytes");
        channel.close();
    }

    static void askPlain(String address) throws Exception {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, ECHO), 5000);
            socket.setTcpNoDelay(true);
            socket.setKeepAlive(true);
            socket.setSoTimeout(200);
            try {
                socket.getInputStream().read();
                throw new IllegalStateException("read something");
            } catch (SocketTimeoutException e) {
                socket.getOutputStream().write(42);
            }
            socket.setSoTimeout(5000);
            require(socket.getInputStream().read() == 42, "plain echo");
        }
        try {
            new Socket(address, NOBODY).close();
            throw new IllegalStateException("port 1 answered");
        } catch (ConnectException e) {
            require(e.getMessage().contains("refused"), e.getMessage());
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("serve")) {
            serveHttp(args[1]);
            serveEcho(args[1]);
        } else {
            askHttp(args[1]);
            askEcho(args[1]);
            askPlain(args[1]);
            System.out.println("all answers right");
            System.exit(0);
        }
    }
}
