# SPDX-License-Identifier: MIT
"""An echo server that outlives whatever happens to its connections. Argument: the address; port 7."""
import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass
    finally:
        writer.close()


async def main():
    async with await asyncio.start_server(echo, sys.argv[1], 7, backlog=100) as server:
        await server.serve_forever()


asyncio.run(main())
