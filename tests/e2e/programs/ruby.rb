# SPDX-License-Identifier: MIT
# ruby ruby.rb serve ADDRESS: TCPServer on port 8001, a thread for each connection, which answers each
# line reversed; on 8002 one event loop with the non-blocking calls. ruby ruby.rb ask ADDRESS: both,
# and Net::HTTP against port 8003, where the server answers HTTP.
require 'digest'
require 'net/http'
require 'socket'

def serve_http(client)
  while (line = client.gets)
    length = 0
    while (header = client.gets.chomp) != ''
      length = header[/\d+/].to_i if header.downcase.start_with?('content-length')
    end
    body = Digest::SHA256.hexdigest(client.read(length))
    client.write("HTTP/1.1 200 OK\r\nContent-Length: #{body.size}\r\nX-Line: #{line.chomp}\r\n\r\n#{body}")
  end
end

def serve_nonblocking(listener)
  clients = {}
  loop do
    ready, = IO.select([listener] + clients.keys)
    ready.each do |io|
      if io == listener
        client = io.accept_nonblock(exception: false)
        clients[client] = +'' unless client == :wait_readable
        next
      end
      data = io.read_nonblock(65_536, exception: false)
      next if data == :wait_readable
      if data.nil?
        clients.delete(io)
        io.close
        next
      end
      clients[io] << data
      while (line = clients[io].slice!(/\A.*\n/))
        io.write(line.chomp.reverse + "\n")
      end
    end
  end
end

def serve(address)
  threads = [[8001, ->(c) { c.each_line { |l| c.write(l.chomp.reverse + "\n") } }],
             [8003, method(:serve_http)]].map do |port, handler|
    server = TCPServer.new(address, port)
    Thread.new { loop { Thread.new(server.accept) { |c| handler.call(c); c.close } } }
  end
  serve_nonblocking(TCPServer.new(address, 8002))
  threads.each(&:join)
end

def ask_lines(address, port)
  Socket.tcp(address, port, connect_timeout: 5) do |s|
    100.times do |n|
      line = "#{n}-" + 'abc' * n
      s.write(line + "\n")
      got = s.gets
      abort "port #{port}, line #{n}: #{got.inspect}" unless got == line.reverse + "\n"
    end
    s.close_write
    abort 'no end' unless s.read == ''
  end
end

def ask(address)
  [8001, 8002].each { |port| Array.new(16) { Thread.new { ask_lines(address, port) } }.each(&:join) }
  Net::HTTP.start(address, 8003) do |http|
    10.times do
      body = Random.bytes(400_000)
      answer = http.post('/path', body)
      abort 'wrong digest' unless answer.body == Digest::SHA256.hexdigest(body)
    end
  end
  begin
    TCPSocket.new(address, 1)
    abort 'port 1 answered'
  rescue Errno::ECONNREFUSED
    puts 'all answers right'
  end
end

ARGV[0] == 'serve' ? serve(ARGV[1]) : ask(ARGV[1])
