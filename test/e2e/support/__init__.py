"""What the end-to-end and conformance tests share: remora, clients and servers as objects that always end."""
